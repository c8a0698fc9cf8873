"""When a run is saved. Pure: the time is an argument.

A due time only says at which step a copy is taken; no number of the run depends on it, so that runs which were saved
at other steps still end with the same bytes.
"""

from __future__ import annotations

from bessemer_server.training.config import CheckpointConfig


class Schedule:
    """Which steps are to be saved, from the settings of a specification."""

    def __init__(self, config: CheckpointConfig, now: float) -> None:
        self._config = config
        self._saved_at = now
        self._is_overdue = False

    def ends_epoch(self, epoch: int) -> bool:
        """Whether the run is saved at the end of this epoch, from 1."""
        every = self._config.every_epochs
        return bool(every) and epoch % every == 0

    def is_due(self, step: int, now: float) -> bool:
        """Whether the run is to be saved after this step within an epoch. What was due once stays due until it is saved:
        a step that could not be saved, because the one before was still on its way, is made up for by a later one.
        """
        steps, seconds = self._config.every_steps, self._config.every_seconds
        self._is_overdue |= steps is not None and step % steps == 0
        return self._is_overdue or (seconds is not None and now - self._saved_at >= seconds)

    def saved(self, now: float) -> None:
        """The run was saved, for whatever reason."""
        self._saved_at, self._is_overdue = now, False

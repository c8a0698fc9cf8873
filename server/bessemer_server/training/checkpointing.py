"""When a run is saved. Pure: the time is an argument.

A due time only says at which step a copy is taken; no number of the run depends on it, so that runs which were saved
at other steps still end with the same bytes.
"""

from __future__ import annotations

from bessemer_server.training.config import CheckpointConfig

LEAST_S = 1.0
SHARE = 0.05


class Sparing:
    """When a run is saved that asks for nothing: when a second has passed, and a twentieth of the time that it has taken. So
    whoever goes on repeats little, and however long it takes, it is saved a few hundred times at most.
    """

    def __init__(self, now: float) -> None:
        self._begun_at = self._saved_at = now

    def is_due(self, now: float) -> bool:
        """Whether it is to be saved now."""
        return now - self._saved_at >= max(LEAST_S, SHARE * (self._saved_at - self._begun_at))

    def saved(self, now: float) -> None:
        """It was saved."""
        self._saved_at = now


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

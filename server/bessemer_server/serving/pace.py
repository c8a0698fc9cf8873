"""How long a request would wait, by what the predictor has done. Pure.

A queue that is longer than its requests' deadlines answers nobody: each waits until it is too late, and what it waited for was too
late as well. Who cannot be answered in time is told so at once.
"""

from __future__ import annotations

from collections.abc import Hashable

from bessemer_server.domain import errors

WEIGHT = 1 / 8
"""By so much a batch counts less than the next one."""
SHARE = 0.5
"""Of the time that a caller has, for what goes before it. How long that takes is a guess, of a batch that is computed already less so."""
WHOLE_SHARE = 0.8
"""Of it, for all until the end of the own batch: the rest goes to the way back."""


class Pace:
    """Seconds per row, by model."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, float]] = {}
        """Seconds and rows of late."""

    def observe(self, model: Hashable, rows: int, seconds: float, *, is_behind: bool) -> None:
        """A batch of so many rows took so long. `is_behind`: others wait already, so what batches take is what they will wait.
        Where nobody does, one that was faster by the row than those of late counts alone: small batches take longer by the
        row, and nobody is to be refused for a bad moment.
        """
        known_s, known_rows = self._known.get(model, (0.0, 0.0))
        sum_s, sum_rows = known_s * (1 - WEIGHT) + seconds, known_rows * (1 - WEIGHT) + rows
        if not is_behind and seconds * sum_rows < sum_s * rows:
            sum_s = seconds * sum_rows / rows
        self._known[model] = sum_s, sum_rows

    def expect_s(self, model: Hashable, rows: int) -> float:
        """How long so many rows will take; nothing where that is not known."""
        if not rows:
            return 0.0
        known_s, known_rows = self._known.get(model, (0.0, 1.0))
        return rows * known_s / known_rows


def check(queue_s: float, patience_s: float, *, left_s: float = 0.0, batch_s: float = 0.0) -> None:
    """Raise `ResourceExhausted` for a request that would be too late for what waits, what is `left` of what is being computed, and its
    own batch; nobody who need not wait.
    """
    wait_s = queue_s + left_s
    if queue_s > patience_s * SHARE or (wait_s and wait_s + batch_s > patience_s * WHOLE_SHARE):
        raise errors.ResourceExhausted(
            "what goes before this request would take more than half of the time that it has, or leave too little; try again later",
            reason="QUEUE_FULL",
        )

"""How long a request would wait, by what the predictor has done. Pure.

A queue that is longer than its requests' deadlines answers nobody: each waits until it is too late, and what it waited for was too
late as well. Who cannot be answered in time is told so at once.
"""

from __future__ import annotations

from collections.abc import Hashable

from bessemer_server.domain import errors

WEIGHT = 1 / 8
"""Of the last batch, against all before it."""
SHARE = 0.5
"""Of the time that a caller has: the rest goes to its own batch, to what goes before it by another model, and to the way back."""


class Pace:
    """Seconds per row, by model."""

    def __init__(self) -> None:
        self._per_row_s: dict[Hashable, float] = {}

    def observe(self, model: Hashable, rows: int, seconds: float, *, is_behind: bool) -> None:
        """A batch of so many rows took so long. `is_behind`: others wait already, so batches are as large as they get, and what they
        take is what others will wait. Where nobody does, one that was faster than the mean counts alone: small batches
        take longer by the row, and nobody is to be refused for a bad moment.
        """
        per_row_s = seconds / rows
        known_s = self._per_row_s.get(model, per_row_s)
        mean_s = known_s + (per_row_s - known_s) * WEIGHT
        self._per_row_s[model] = mean_s if is_behind else min(per_row_s, mean_s)

    def check(self, model: Hashable, rows_before: int, patience_s: float) -> None:
        """Raise `ResourceExhausted` for a request that would wait too long behind so many rows."""
        wait_s = rows_before * self._per_row_s.get(model, 0.0)
        if wait_s > patience_s * SHARE:
            raise errors.ResourceExhausted(
                "what waits for this model already takes more than half of the time that this request has; try again later",
                reason="QUEUE_FULL",
            )

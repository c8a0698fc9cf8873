"""Counts of values by ranges, as Prometheus has them. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.004,
    0.008,
    0.016,
    0.032,
    0.064,
    0.128,
    0.256,
    0.512,
    1.0,
    2.0,
    4.0,
    8.0,
    16.0,
)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
NS_PER_S = 1_000_000_000


class Histogram:
    """How many values were up to each bound, and what all are together: `total`, which stays exact since values are whole."""

    __slots__ = ("_bounds", "_counts", "_scale", "_scaled", "total")

    def __init__(self, bounds: Sequence[float], scale: int = 1) -> None:
        """`bounds`: ascending, without infinity, of values that come in so many parts of their unit."""
        self._bounds = bounds
        self._scale = scale
        self._scaled = [bound * scale for bound in bounds]
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int, times: int = 1) -> None:
        """The same value so many times."""
        self._counts[bisect.bisect_left(self._scaled, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """Of all values."""
        return sum(self._counts)

    @property
    def sum(self) -> float:
        """Of all values, in the unit of the bounds."""
        return self.total / self._scale

    def cumulative(self) -> list[tuple[str, int]]:
        """Values up to each bound, the last of which is +Inf."""
        total, found = 0, []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return found


def durations() -> Histogram:
    """Of values in nanoseconds, told in seconds."""
    return Histogram(SECONDS, NS_PER_S)


def rows() -> Histogram:
    """Of rows in a batch."""
    return Histogram(ROWS)

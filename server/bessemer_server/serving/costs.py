"""How many rows of a batch pay, learnt from the batches that ran. Pure.

On a processor that is busy with one sample a batch of many takes as many times as long: nobody gains, and everybody in it waits for
all. Where much of a batch's time does not depend on its rows, larger is better. So sizes are compared by doubling.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

MOST_S = 0.1
"""A batch takes no longer, if it has more than one request: who comes while it is computed waits for its end. Larger ones gain next to
nothing where rows take that long.
"""
GAIN = 0.05
"""Of the time per row: what twice the rows must save."""
WEIGHT = 1 / 16
"""Of a batch that took longer than was known of its size; a shorter one counts alone, since what others do on the machine only makes
batches longer."""
HOPE = 0.98
"""With each batch of one size the next larger one is thought a little better of until it is tried again: it may have been tried at
a bad moment."""


@dataclasses.dataclass(slots=True)
class _Size:
    per_row_s: float = 0.0
    """0: never tried."""
    hope: float = 1.0

    def add(self, per_row_s: float) -> None:
        if self.per_row_s and per_row_s > self.per_row_s:
            per_row_s = self.per_row_s + (per_row_s - self.per_row_s) * WEIGHT
        self.per_row_s = per_row_s
        self.hope = 1.0


class Costs:
    """Time per row, for sizes up to 1, 2, 4, ... rows. A size is tried when those before it have paid, so that the first load on
    a slow model does not end in a batch that takes for ever.
    """

    def __init__(self) -> None:
        self._sizes: defaultdict[int, _Size] = defaultdict(_Size)

    def add(self, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long."""
        size = (rows - 1).bit_length()
        self._sizes[size].add(seconds / rows)
        self._sizes[size + 1].hope *= HOPE

    def limit(self, most: int) -> int:
        """The rows, at most `most`, of which twice as many save too little."""
        size = min((size for size, known in self._sizes.items() if known.per_row_s), default=0)
        while 1 << size < most and 0 < self._sizes[size + 1].per_row_s <= self._worth_s(size):
            size += 1
        larger = self._sizes[size + 1]
        size += larger.per_row_s * larger.hope <= self._worth_s(size)
        return max(1, int(min(1 << size, most, self._fitting())))

    def _fitting(self) -> float:
        """As many rows as are computed in time, where one takes as long as it did at best: other sizes may be known by a bad moment."""
        per_row_s = min((known.per_row_s for known in self._sizes.values() if known.per_row_s), default=0.0)
        return MOST_S // per_row_s if per_row_s else math.inf

    def _worth_s(self, size: int) -> float:
        """Per row, what the next larger size may take."""
        return self._sizes[size].per_row_s * (1 - GAIN)

"""How long a batch may take before its process is taken for stuck, by what was measured of its model. Pure.

Far more than it ever needed: a process that is ended too early costs more than one that hangs a little longer. Training
may take the cores, and a first batch of a size touches memory that no other has.
"""

from __future__ import annotations

LEAST_S = 10.0
MOST_S = 300.0
TIMES = 20
"""As long as the slowest so far, row by row."""
BYTES_PER_S = 1 << 20
"""Of what comes in beside: long texts take their time, whatever short ones took."""
SINGLE_ROWS = 1024
"""What a request to a model without batches may stand for: the pictures that a generator draws at most."""


class Patience:
    """The slowest seconds per row, by model."""

    def __init__(self, least_s: float = LEAST_S) -> None:
        self._least_s = least_s
        self._slowest_s: dict[str, float] = {}

    def observe(self, key: str, rows: int, seconds: float) -> None:
        """A batch has taken so long, or the first prediction after the load."""
        self._slowest_s[key] = max(self._slowest_s.get(key, 0.0), seconds / rows)

    def choose(self, key: str, rows: int, size_bytes: int, *, is_batched: bool = True) -> float:
        """Seconds for a batch of so many rows and bytes."""
        slowest_s = self._slowest_s.get(key)
        if slowest_s is None:
            return MOST_S
        expected_s = slowest_s * (rows if is_batched else SINGLE_ROWS)
        return min(MOST_S, max(self._least_s, TIMES * expected_s) + size_bytes / BYTES_PER_S)

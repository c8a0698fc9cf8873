"""Calls that a client begins and takes back: to make one costs it next to nothing, and here it may be the work of a millisecond
("rapid reset", CVE-2023-44487).
"""

from __future__ import annotations

import time

PER_S = 64 * 256
"""Weight of calls that may be taken back each second, on and on: see `stream.Call`."""
BURST = 2 * PER_S
"""And at once: all calls of a client may have the same deadline."""


REFUSED_WEIGHT = 16
"""Of a call that is begun all the same, and refused."""
MOST = 8 * BURST
"""Beyond it the client does not mean to call."""


class Resets:
    """Those of one connection."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._at_s = 0.0
        """When it had this weight: it becomes less by `PER_S`."""

    def add(self, weight: int) -> None:
        """Another call was taken back."""
        self._weight, self._at_s = self._left() + weight, time.monotonic()

    @property
    def are_too_many(self) -> bool:
        """Whether no further call is to be begun now."""
        return self._weight > BURST and self._left() > BURST

    @property
    def are_beyond_measure(self) -> bool:
        """Whether the connection is to be ended."""
        return self._weight > MOST

    def _left(self) -> float:
        return max(0.0, self._weight - (time.monotonic() - self._at_s) * PER_S)

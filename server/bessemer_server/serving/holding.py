"""How many requests a batch waits for. Pure: nothing is measured and nothing waits here.

A batch costs the process that receives requests something whatever its rows: it is packed, sent, received, taken apart. While that
process has time left, a batch that waits is only late. When it has none, requests wait before they are even seen, and larger
batches give it the time to see them; so the more it is short of time, the more requests a batch waits for. Whether it is
short of time shows in how often its loop goes to sleep: some three times per request when one client asks, hardly ever when
many do (docs/measurements.md).
"""

from __future__ import annotations

BUSY, IDLE = 0.4, 0.7
"""Sleeps per request: below the first a batch waits for more requests, above the second for fewer."""
WEIGHT = 1 / 16
"""Of the newest batch in the mean."""
GROWTH = 0.3
"""Requests."""
DECAY = 0.97
IMPATIENCE = 0.9
LONGEST_S = 0.008
"""A batch that has not come together by then goes as it is."""


class Holding:
    """Controls `wanted`, the requests that a batch waits for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sleeps = 0
        self._rate = IDLE
        self.wanted = 1.0

    def observe(self, requests: int, sleeps: int, *, in_vain: bool) -> None:
        """A batch goes out with so many requests, when the loop has slept so often since it began; `in_vain`: those that were
        wanted did not come in time. A count of sleeps that stays 0 is taken for none: nothing waits.
        """
        slept, self._sleeps = sleeps - self._sleeps, sleeps
        self._rate += (slept / requests - self._rate) * WEIGHT
        if not sleeps:
            return
        if in_vain:
            self._disappoint(requests)
        elif self._rate < BUSY:
            self.wanted = min(self.wanted + GROWTH, self._most)
        elif self._rate > IDLE:
            self.wanted = max(self.wanted * DECAY, 1.0)

    def _disappoint(self, requests: int) -> None:
        """Fewer came. When they are less than half or one alone, those who asked before have gone."""
        if requests == 1 or requests < self.wanted / 2:
            self.wanted = float(requests)
            self._rate = max(self._rate, IDLE)
        else:
            self.wanted = max(self.wanted * IMPATIENCE, 1.0)

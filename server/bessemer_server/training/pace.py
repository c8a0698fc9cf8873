"""How fast a run is. Pure: the time is an argument."""

from __future__ import annotations

import collections

WINDOW_S = 1.0
REPORT_INTERVAL_S = 0.1


class Pace:
    """Samples per second over about the last second, and when it is time to report."""

    def __init__(self, now: float) -> None:
        self._marks = collections.deque([(now, 0)])
        self._samples = 0
        self._last_report = now

    def add(self, samples: int) -> None:
        """Samples were learnt from."""
        self._samples += samples

    def is_due(self, now: float) -> bool:
        """Whether the last report is long enough ago."""
        return now - self._last_report >= REPORT_INTERVAL_S

    def report(self, now: float) -> float:
        """Samples per second; counts as a report. 0 while unknown."""
        self._last_report = now
        self._marks.append((now, self._samples))
        # One mark from before the window stays, so that a slow run has something to be compared with.
        while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW_S:
            self._marks.popleft()
        start, before = self._marks[0]
        return (self._samples - before) / (now - start) if now > start else 0.0

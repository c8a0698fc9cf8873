"""Whether the kernel has ended a process for want of memory while it was at something."""

from __future__ import annotations

import math
from collections.abc import Callable

FRESH_S = 1.0
"""So long a count is good for: to ask the kernel takes about as long as a small prediction."""


class Kills:
    """The kernel's count, which is of the whole machine: only what came while a process was at work may be that process's end."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._known = 0
        self._known_s = -math.inf
        self._told = 0

    def note(self, now_s: float) -> int:
        """The count as something begins."""
        if now_s - self._known_s >= FRESH_S:
            self._known, self._known_s = self._count(), now_s
        return self._known

    def have_grown(self, since: int) -> bool:
        """Whether there were more since that count was noted, and nobody has been told so: who is told first was at work."""
        before, self._told = max(since, self._told), self._count()
        return self._told > before

"""A time limit that is set anew all the time, and hardly ever reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once its time has come. The timer of the loop stays when the alarm is set to a later time or cleared, and then finds
    nothing to do: to set and cancel one for each short call takes longer than the rest of it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due_s: float | None = None
        """On the loop's clock."""
        self._timer: asyncio.Handle | None = None
        self._looks_s = 0.0
        """When the timer goes off."""

    def set(self, after_s: float) -> None:
        """Ring after so many seconds from now on, whatever it was set to."""
        self._due_s = asyncio.get_running_loop().time() + after_s
        if self._timer is None or self._looks_s > self._due_s:
            self.close()
            self._look_after(after_s)

    def clear(self) -> None:
        """Do not ring."""
        self._due_s = None

    def close(self) -> None:
        """Leave no timer behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._look)
        self._looks_s = loop.time() + seconds

    def _look(self) -> None:
        self._timer = None
        if self._due_s is None:
            return
        left_s = self._due_s - asyncio.get_running_loop().time()
        if left_s > 0:
            self._look_after(left_s)
        else:
            self._due_s = None
            self._ring()

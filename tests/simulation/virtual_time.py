"""An event loop whose time is a number: when nothing is ready, it goes on at once to what is due next."""

from __future__ import annotations

import asyncio
import selectors


class StuckError(Exception):
    """Nothing is ready, and nothing will ever be due: in real life, the program would wait for ever."""


class _Selector(selectors.SelectSelector):
    """Watches no file: to wait is to move the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("every task waits for another one")
        self.now_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits with asyncio alone: no threads, no sockets, no processes."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._clock.now_s

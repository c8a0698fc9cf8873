"""Memory that a front shares with its server, so that a large request is not sent: only where it lies.

The front says what lies where, and the server when a place is free again: as soon as nobody there looks at it any more, be that
who computes with it, who decodes a picture in it, or who has it from a request that was taken back long ago.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from bessemer_server.executors.blocks import Blocks
from bessemer_server.worker.arena import Arena

ARENA_BYTES = 64 << 20
"""Shared with each front; taken when it is first used. A request that finds no room is sent."""
SHARE_FROM = 64 * 1024
"""Bytes of a request from which on sharing is quicker than sending (docs/measurements.md)."""


class Places:
    """The front's side."""

    def __init__(self, memory: Arena) -> None:
        self._memory = memory
        self._blocks = Blocks(memory.size_bytes)

    def put(self, request: bytes | memoryview) -> tuple[int, int] | None:
        """Where a copy of the request lies, and its bytes; None for one that is small, or finds no room."""
        size = len(request)
        start = self._blocks.take(size) if size >= SHARE_FROM else None
        if start is None:
            return None
        self._memory.view[start : start + size] = request
        return start, size

    def free(self, starts: Iterable[int]) -> None:
        """Nobody looks at what lies there any more."""
        for start in starts:
            self._blocks.give_back(start)


class Views:
    """The server's side. `tell` is called, in the loop, when places have become free that nobody asked for by `take_free`."""

    def __init__(self, memory: Arena, tell: Callable[[], None]) -> None:
        self._memory = memory
        self._tell_front = tell
        self._loop = asyncio.get_running_loop()
        self._free: deque[int] = deque()
        self._is_telling = False

    def look(self, start: int, size: int) -> memoryview:
        """What lies there. The place is free again when this view is gone, and all that were made of it."""
        block = np.frombuffer(self._memory.view[start : start + size], np.uint8)
        block.flags.writeable = False
        weakref.finalize(block, self._let_go, start).atexit = False
        return block.data

    def _let_go(self, start: int) -> None:
        """In whichever thread had the last view."""
        self._free.append(start)
        if not self._is_telling:
            self._is_telling = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_telling = False
        if self._free:
            self._tell_front()

    def take_free(self) -> list[int]:
        """The places that are free again and that the front was not told of."""
        return [self._free.popleft() for _ in range(len(self._free))]

    def close(self) -> None:
        """The front is gone. Views that are still in use keep the memory."""
        self._memory.close()

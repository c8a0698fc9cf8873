"""What was read a moment ago need not be read again."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from bessemer_server.domain import errors

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SIZE = 256
FRESH_S = 1.0
"""So long something is taken for what it was without a look: another server may have changed it. What this server changes counts at
once.
"""
AHEAD_S = 0.7
"""Whoever asks after so long has it read again, and does not wait: what is asked for all the time is always there."""
PATIENCE_S = 0.25
"""Who asks for what was there waits no longer for another look: where it was read from may hang."""
MOST_READ = 256
"""At the same time: who gave up waiting leaves what is being read."""


class Fresh(Generic[K, V]):
    """Keeps the last `SIZE` values that were asked for. However many ask for one at a time, it is read once; while nothing can be read,
    or not soon, what was read last is good.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V]], monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic_s = monotonic_s
        self._known: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._reading: dict[K, asyncio.Future[V]] = {}

    def get(self, key: K) -> V | None:
        """The value, if it was read lately."""
        if (known := self._known.get(key)) is None:
            return None
        value, read_s = known
        age_s = self._monotonic_s() - read_s
        if age_s >= FRESH_S:
            return None
        if age_s >= AHEAD_S and len(self._reading) < MOST_READ:
            self._begin(key)
        return value

    async def find(self, key: K) -> V:
        """The value, read if need be. What was being read while it was forgotten is not kept. Raises what reading raises, and
        `Unavailable`.
        """
        if (found := self.get(key)) is not None:
            return found
        patience_s = PATIENCE_S if key in self._known else None
        try:
            async with asyncio.timeout(patience_s):
                return await asyncio.shield(self._begin(key))  # others wait for it too
        except TimeoutError:
            if key not in self._known:  # it was forgotten meanwhile
                return await self.find(key)
        except errors.Unavailable:
            if key not in self._known:
                raise
        value, _ = self._known[key]
        self._keep(key, value, self._monotonic_s())
        return value

    def forget(self, is_stale: Callable[[K], bool]) -> None:
        """Read these again."""
        for kept in (self._known, self._reading):
            for key in [key for key in kept if is_stale(key)]:
                del kept[key]

    def _begin(self, key: K) -> asyncio.Future[V]:
        if (reading := self._reading.get(key)) is None:
            if len(self._reading) >= MOST_READ:
                raise errors.Unavailable(
                    f"{MOST_READ} models are being looked up already, and the database is slow to answer; try again",
                    reason="DATABASE_BUSY",
                )
            reading = self._reading[key] = asyncio.ensure_future(self._read(key))
            begun_s = self._monotonic_s()
            reading.add_done_callback(lambda done: self._end(key, done, begun_s))
        return reading

    def _end(self, key: K, reading: asyncio.Future[V], begun_s: float) -> None:
        error = asyncio.CancelledError() if reading.cancelled() else reading.exception()
        if self._reading.get(key) is not reading:
            return  # it was forgotten meanwhile
        del self._reading[key]
        if error is None:
            self._keep(key, reading.result(), begun_s)
        elif isinstance(error, errors.NotFound):
            self._known.pop(key, None)

    def _keep(self, key: K, value: V, read_s: float) -> None:
        self._known[key] = value, read_s
        self._known.move_to_end(key)
        if len(self._known) > SIZE:
            self._known.popitem(last=False)

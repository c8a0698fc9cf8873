"""How many bytes of requests are under way on streams. Who would go beyond waits, and with it its stream: flow control lets the client
know.
"""

from __future__ import annotations

import asyncio
from collections import deque

from bessemer_server.domain import errors

STREAM_BYTES = 64 << 20
"""Of one stream; a request that is larger is alone."""


class Budget:
    """Bytes that are held at the same time; what is larger than all of it is alone. Turns are in the order in which they were asked
    for. As many bytes may wait for theirs.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.used = 0

    async def take(self, count: int) -> None:
        """So many more are held, when there is room. Raises `ResourceExhausted` where too many wait."""
        if not self._waiting and self._has_room(self.used, count):
            self.used += count
            return
        self._check_waiting(count)
        turn = count, asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn[1]
        except asyncio.CancelledError:
            self._take_back(turn)
            raise

    def give_back(self, count: int) -> None:
        """They are held no more."""
        self.used -= count
        self._go_on()

    def _has_room(self, used: int, count: int) -> bool:
        return not used or used + count <= self._limit

    def _check_waiting(self, count: int) -> None:
        waiting = sum(size for size, _ in self._waiting)
        if not self._has_room(waiting, count):
            raise errors.ResourceExhausted(
                f"requests of streams that wait for room have {waiting:,} bytes, and with {count:,} more it would be beyond "
                f"{self._limit:,}; ask again when others are answered",
                reason="REQUESTS_TOO_LARGE",
            )

    def _take_back(self, turn: tuple[int, asyncio.Future[None]]) -> None:
        """Who asked for it is gone, be it that it has come in the same moment."""
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._go_on()
        else:
            self.give_back(turn[0])

    def _go_on(self) -> None:
        while self._waiting and self._has_room(self.used, self._waiting[0][0]):
            count, turn = self._waiting.popleft()
            self.used += count
            turn.set_result(None)


class Room:
    """Of one stream, within what all have. It waits for others as long as they have all of it: requests are answered or fail, and need
    nothing of their streams for that.
    """

    def __init__(self, shared: Budget, limit: int = STREAM_BYTES) -> None:
        self._shared = shared
        self._own = Budget(limit)

    async def take(self, count: int) -> None:
        """See `Budget.take`."""
        await self._own.take(count)
        try:
            await self._shared.take(count)
        except BaseException:
            self._own.give_back(count)
            raise

    def give_back(self, count: int) -> None:
        """See `Budget.give_back`."""
        self._own.give_back(count)
        self._shared.give_back(count)

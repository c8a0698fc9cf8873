"""Messages to somebody who follows what happens: whoever does not read them is cut, and goes on from the cursor it has.

However many follow, a few are written to at a time, so that other calls wait for a few messages and not for one to each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

import grpc

from bessemer_server.domain import errors

T = TypeVar("T")
PATIENCE_S = 60.0
"""So long a piece may wait for a client that takes nothing, after what its connection holds for it: up to some MiB."""
PIECE = 8
"""Messages that are sent before it is another's turn."""
AT_ONCE = 4
"""Clients that are written to at a time, of each kind. A message takes a fifth of a millisecond of the processor, on its way through the
server and the front.
"""
TURN_S = 0.05
"""So long a client may let others wait that takes nothing: many times what a piece takes that is read."""


def cut(messages: Sequence[T]) -> Iterator[Sequence[T]]:
    """Into pieces; all but the last one are whole."""
    for start in range(0, len(messages), PIECE):
        yield messages[start : start + PIECE]


class Turns:
    """Who is written to now. Who gets a whole piece catches up on what has been; who gets less hears what is new, and does not wait for
    those.
    """

    def __init__(self) -> None:
        self._catching_up = asyncio.Semaphore(AT_ONCE)
        self._hearing_news = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def take(self, count: int) -> AsyncIterator[None]:
        """A turn for so many messages, after those who asked before. It ends with the block, or after `TURN_S`: the block then goes on,
        and others as well.
        """
        lane = self._catching_up if count >= PIECE else self._hearing_news
        await lane.acquire()
        with contextlib.ExitStack() as turn:
            turn.callback(lane.release)
            early = asyncio.get_running_loop().call_later(TURN_S, turn.close)
            try:
                yield
            finally:
                early.cancel()


async def send(
    pieces: AsyncGenerator[Sequence[T], None],
    context: grpc.aio.ServicerContext[Any, Any],
    turns: Turns,
    *,
    to_wire: Callable[[T], Any] = lambda message: message,
    patience_s: float = PATIENCE_S,
) -> None:
    """Write all messages, which have a `cursor` each. Raises `Unavailable` when a piece is not taken in time."""
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            async with turns.take(len(piece)):
                await _write(piece, context, to_wire, patience_s)


async def _write(
    piece: Sequence[T],
    context: grpc.aio.ServicerContext[Any, Any],
    to_wire: Callable[[T], Any],
    patience_s: float,
) -> None:
    cursor = 0
    try:
        async with asyncio.timeout(patience_s):  # one for all: it takes longer to set than a message to write
            for message in piece:
                wire = to_wire(message)
                cursor = wire.cursor
                await context.write(wire)
    except TimeoutError:
        raise errors.Unavailable(
            f"nothing was read for {patience_s:g} s; ask again with the cursor of the last message that was read, at most {cursor}",
            reason="SLOW_READER",
        ) from None

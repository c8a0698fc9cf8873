"""Messages to somebody who follows what happens: whoever does not read them is cut, and goes on from the cursor it has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import grpc

from bessemer_server.domain import errors

T = TypeVar("T")
PATIENCE_S = 60.0
"""So long a message may wait for a client that takes nothing, after what its connection holds for it: up to some MiB."""


async def send(
    messages: AsyncGenerator[T, None],
    context: grpc.aio.ServicerContext[Any, Any],
    *,
    to_wire: Callable[[T], Any] = lambda message: message,
    patience_s: float = PATIENCE_S,
) -> None:
    """Write all messages, which have a `cursor` each. Raises `Unavailable` when one is not taken in time."""
    async with contextlib.aclosing(messages):
        async for message in messages:
            wire = to_wire(message)
            try:
                async with asyncio.timeout(patience_s):
                    await context.write(wire)
            except TimeoutError:
                raise errors.Unavailable(
                    f"nothing was read for {patience_s:g} s; ask again with the cursor of the last message that was read, "
                    f"at most {wire.cursor}",
                    reason="SLOW_READER",
                ) from None

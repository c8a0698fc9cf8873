"""Calls between simulated processes: late, lost on the way there or back, or arriving twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bessemer_server.domain import errors

if TYPE_CHECKING:
    from tests.simulation.servers import Server
    from tests.simulation.world import World

TIMEOUT_S = 2.0
DUPLICATE_DELAY_S = 3.0
Write = Callable[[Any], Awaitable[None]]
Work = Callable[["Server"], Awaitable[Any]]


class _Context:
    """Of a call to a servicer: what it reads is the token, what it writes goes to `write`."""

    def __init__(self, token: str, write: Write | None) -> None:
        self._token = token
        self.write = write

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._token}"),) if self._token else ()


def make_context(token: str = "", write: Write | None = None) -> Any:
    """The context of one call; `write` takes the messages of a stream."""
    return _Context(token, write)


async def one(request: Any) -> AsyncIterator[Any]:
    """A stream of one message."""
    yield request


async def first(answers: AsyncIterator[Any]) -> Any:
    """The answer to the only message of a stream."""
    (answer,) = [answer async for answer in answers]
    return answer


async def call(world: World, dice: random.Random, server: Server, work: Work) -> Any:
    """What the server answers. Raises what it raises, and `Unavailable` for what the network does."""
    weather = world.weather
    await asyncio.sleep(dice.expovariate(1 / weather.network_delay_s))
    if not server.is_up:
        raise errors.Unavailable("no connection")
    if dice.random() < weather.lost_request:
        await asyncio.sleep(TIMEOUT_S)
        raise errors.Unavailable("no answer")
    handling = server.spawn(_run(work, server))
    if dice.random() < weather.duplicate:
        server.spawn(_run_later(work, server, dice.uniform(0, DUPLICATE_DELAY_S)))
    await asyncio.wait({handling})
    if handling.cancelled():
        raise errors.Unavailable("the connection broke")
    answer = handling.result()
    await asyncio.sleep(dice.expovariate(1 / weather.network_delay_s))
    if dice.random() < weather.lost_reply:
        raise errors.Unavailable("the connection broke")
    return answer


async def _run(work: Work, server: Server) -> Any:
    return await work(server)


async def _run_later(work: Work, server: Server, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    with contextlib.suppress(errors.DomainError):  # nobody hears of it
        await work(server)

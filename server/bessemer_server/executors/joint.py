"""Work that several wait for."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar, cast

from bessemer_server.domain import errors

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Turn = contextlib.AbstractAsyncContextManager[Any]


class Joint(Generic[K, T]):
    """Work that is begun once however many ask for it, and goes on to its end however many of them give up: what it had done until
    then would be known to nobody.
    """

    def __init__(self) -> None:
        self._waiting: dict[K, dict[asyncio.Future[T], None]] = {}
        """Who waits for what, in order."""
        self._tasks: dict[asyncio.Task[None], K] = {}

    async def do(self, key: K, work: Callable[[], Awaitable[T]], turn: Turn | None = None) -> T:
        """What the work gives, or that of an earlier call with this key. It holds `turn` until those who waited have gone on. Raises
        what the work raises.
        """
        if key not in self._waiting:
            self._begin(key, work, turn or contextlib.nullcontext())
        waiting = self._waiting[key]
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting[answer] = None
        try:
            return await answer
        finally:
            waiting.pop(answer, None)
            # An error knows where it was raised, which is here, and the answer knows the error: together they would stay.
            del answer

    async def finish(self, is_meant: Callable[[K], bool]) -> None:
        """Wait for the end of work that is under way."""
        if going := [task for task, key in self._tasks.items() if is_meant(key)]:
            await asyncio.wait(going)

    def _begin(self, key: K, work: Callable[[], Awaitable[T]], turn: Turn) -> None:
        waiting = self._waiting[key] = {}
        task = asyncio.create_task(self._run(key, work, turn))
        self._tasks[task] = key
        task.add_done_callback(functools.partial(self._end, waiting))

    async def _run(self, key: K, work: Callable[[], Awaitable[T]], turn: Turn) -> None:
        async with turn:
            result, error = await _try(work)
            for answer in self._waiting.pop(key):
                _settle(answer, result, error)
            # The loop goes on with them first, in the order in which it was told to.
            await asyncio.sleep(0)

    def _end(self, waiting: dict[asyncio.Future[T], None], task: asyncio.Task[None]) -> None:
        key = self._tasks.pop(task)
        if self._waiting.get(key) is waiting:  # it was cancelled
            del self._waiting[key]
        for answer in waiting:
            _settle(answer, None, errors.stopping())


async def _try(work: Callable[[], Awaitable[T]]) -> tuple[T | None, Exception | None]:
    try:
        return await work(), None
    except Exception as error:
        return None, error


def _settle(answer: asyncio.Future[T], result: T | None, error: Exception | None) -> None:
    if answer.done():  # who waited gave up
        return
    if error is None:
        answer.set_result(cast("T", result))
    else:
        answer.set_exception(error)

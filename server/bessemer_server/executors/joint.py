"""Work that several wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

Work = Callable[[], Awaitable[None]]


class Joint:
    """Work that is begun once however many ask for it, and goes on to its end however many of them give up: what it had done until
    then would be known to nobody. One at a time.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        """Held while work is done."""
        self._waiting: dict[Hashable, dict[asyncio.Future[None], None]] = {}
        """Who waits for what, in order."""
        self._tasks: set[asyncio.Task[None]] = set()
        """The loop itself keeps no task alive."""

    async def do(self, key: Hashable, work: Work) -> None:
        """Do the work, or wait for that of an earlier call with this key. Who waited goes on before other work has its turn. Raises
        what the work raises.
        """
        if key not in self._waiting:
            self._begin(key, work)
        waiting = self._waiting[key]
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting[answer] = None
        try:
            await answer
        finally:
            waiting.pop(answer, None)
            # An error knows where it was raised, which is here, and the answer knows the error: together they would stay.
            del answer

    def _begin(self, key: Hashable, work: Work) -> None:
        self._waiting[key] = {}
        task = asyncio.create_task(self._run(key, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: Hashable, work: Work) -> None:
        async with self.turn:
            error = await _try(work)
            for answer in self._waiting.pop(key):
                _settle(answer, error)
            # The loop goes on with them first, in the order in which it was told to.
            await asyncio.sleep(0)


async def _try(work: Work) -> Exception | None:
    try:
        await work()
    except Exception as error:
        return error
    return None


def _settle(answer: asyncio.Future[None], error: Exception | None) -> None:
    if answer.done():  # who waited gave up
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)

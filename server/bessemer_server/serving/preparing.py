"""Work on the inputs of requests before they can meet a batch: on threads of its own, in fair turns, of which each request waits for
one. What waits is bounded, and who would wait too long is told so at once, as for a predictor (`batcher`, `pace`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import math
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from bessemer_server.domain import errors, processors
from bessemer_server.serving import pace
from bessemer_server.serving.batcher import Batcher, Item

T = TypeVar("T")
MAX_WAITING_ROWS = 4096


class Preparing:
    """Threads, and who waits for them."""

    def __init__(self, threads: int = 0) -> None:
        """`threads`: 0 for one on each core."""
        self._idle = self._count = threads or processors.count()
        self._threads = concurrent.futures.ThreadPoolExecutor(self._count, thread_name_prefix="preparing")
        self._queue: Batcher[_Waiting] = Batcher(1, MAX_WAITING_ROWS)
        self._pace = pace.Pace()

    async def do(
        self,
        work: Callable[[], T],
        *,
        model: Hashable,
        rows: int,
        patience_s: float = math.inf,
        priority: int = 0,
    ) -> T:
        """The result of the work for a request about so many rows of a model. Raises what it raises, `ResourceExhausted`,
        `DeadlineExceeded`, `Unavailable`.
        """
        before = self._queue.rows_before(model, priority)
        pace.check(self._pace.expect_s(model, before) / self._count, patience_s)
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        item = Item(model, None, rows, time.monotonic() + patience_s, waiting, priority)
        self._queue.add(item)
        self._go_on()
        try:
            result: T = await waiting.result
        except asyncio.CancelledError:
            self._queue.discard(item)
            raise
        finally:
            del waiting, item, work  # see `Dispatcher.predict`
        return result

    def _go_on(self) -> None:
        """Give the threads that are idle something to do."""
        while self._idle:
            turn, late = self._queue.take(time.monotonic())
            for item in late:
                item.payload.fail(errors.DeadlineExceeded("the deadline passed while the request waited"))
            if turn:
                self._begin(turn[0])
            elif not late:
                return

    def _begin(self, item: Item[_Waiting]) -> None:
        self._idle -= 1
        begun_s = time.monotonic()
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._threads, item.payload.work)
        done.add_done_callback(functools.partial(self._end, item, begun_s))

    def _end(self, item: Item[_Waiting], begun_s: float, done: asyncio.Future[Any]) -> None:
        self._idle += 1
        spent_s = time.monotonic() - begun_s
        self._queue.charge(item.model, spent_s)
        self._pace.observe(item.model, item.rows, spent_s, is_behind=self._queue.is_waiting(item.model))
        item.payload.settle(done)
        self._go_on()


class _Waiting:
    """A request's work, and where its result is awaited."""

    __slots__ = ("result", "work")

    def __init__(self, work: Callable[[], Any], result: asyncio.Future[Any]) -> None:
        self.work = work
        self.result = result

    def settle(self, done: asyncio.Future[Any]) -> None:
        """The work is done."""
        if done.cancelled():  # as if its caller had given up, who waits for an answer
            self.fail(errors.stopping())
        elif error := done.exception():
            self.fail(error)
        elif not self.result.done():
            self.result.set_result(done.result())

    def fail(self, error: BaseException) -> None:
        """It will not be done, or has failed."""
        if not self.result.done():
            self.result.set_exception(error.with_traceback(None))

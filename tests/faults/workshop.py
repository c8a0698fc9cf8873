"""An executor for thousands of jobs: its trainers are done as soon as they begin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bessemer_server.domain import ports
from bessemer_server.domain.jobs import Attempt, Progress
from bessemer_server.scheduling.loop import Scheduler, utc_now
from bessemer_server.stores.sql.store import SqlStore
from tests.conformance import samples


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqlStore]:
    """A store that is closed also when a check fails: its threads would keep this process."""
    store = await SqlStore.open(url)
    try:
        yield store
    finally:
        await store.close()


class Workshop:
    """An executor whose trainers report, and succeed, at once; it notes what it was given."""

    def __init__(self, store: ports.Store, scheduler: Scheduler, notes: list[tuple[str, int]]) -> None:
        self._store, self._scheduler, self._notes = store, scheduler, notes
        self._working: set[asyncio.Task[None]] = set()

    async def start(self, attempt: Attempt, token: str) -> int:
        self._notes.append((attempt.job_id, attempt.number))
        task = asyncio.create_task(self._work(attempt))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return 0

    async def _work(self, attempt):
        progress = Progress(1, 1, 10, 10)
        await self._store.report(
            attempt.job_id, attempt.number, [samples.step_metric(10)], progress, utc_now()
        )
        await self._store.succeed(attempt.job_id, attempt.number, samples.empty_publication(), utc_now())
        self._scheduler.wake()

    async def kill(self, attempt):
        raise AssertionError(f"nobody was to be killed: {attempt}")

    def adopt(self, attempts):
        pass

    def is_busy(self, attempt: Attempt) -> bool:
        return False

    def drain_exits(self):
        return ()

    async def close(self):
        pass

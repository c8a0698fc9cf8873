"""Thousands of jobs that wait: they stand, and start, by priority and then by age, without one exception."""

from __future__ import annotations

import asyncio
import random

import pytest

from bessemer_server.executors.logs import LogCollector
from bessemer_server.scheduling.loop import Scheduler
from bessemer_server.scheduling.notices import Notices
from tests.conformance import samples
from tests.faults.workshop import Workshop, opened

ASKED_FOR = 500
"""Places in the queue that are read at once."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("jobs", [40, pytest.param(10_000, marks=pytest.mark.long)])
async def test_jobs_stand_and_start_by_priority_and_then_by_age(sqlite_url, tmp_path, jobs):
    async with opened(sqlite_url) as store:
        await check_order(store, tmp_path, jobs)


async def check_order(store, folder, jobs):
    notices = Notices()
    dice = random.Random(1)
    priorities = [dice.randint(-3, 3) for _ in range(jobs)]
    for first in range(0, jobs, ASKED_FOR):
        numbers = range(first, min(jobs, first + ASKED_FOR))
        await asyncio.gather(
            *(samples.create(store, f"job-{n:05}", age=n, priority=priorities[n]) for n in numbers)
        )
    order = [f"job-{n:05}" for n in sorted(range(jobs), key=lambda n: (-priorities[n], n))]
    for first in range(0, jobs, ASKED_FOR):
        part = order[first : first + ASKED_FOR]
        places = await store.queue_positions(part, samples.at(jobs))
        assert places == {job_id: place for place, job_id in enumerate(part, start=first + 1)}

    started: list[tuple[str, int]] = []
    scheduler = Scheduler(
        store, notices, 60.0, server="a", logs=LogCollector(store, folder, notices.announce)
    )
    running = asyncio.create_task(scheduler.run(Workshop(store, scheduler, started), ["cpu#0@a"]))
    last = order[-1]
    while not (await store.get_job(last)).state.is_terminal:  # noqa: ASYNC110 - nothing tells of it but the store
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})
    assert started == [(job_id, 1) for job_id in order]

"""Many watch one job over the real wire, each cut again and again at random: each sees every event once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

import bessemer
import bessemer.aio

CONNECTIONS = 8
"""Watchers share so many: a channel takes about a hundred streams at once."""
CUTS = 3
"""Times that each watcher is cut."""
SPEC: dict[str, Any] = {
    "dataset": "digits",
    "epochs": 4,
    "batch_size": 64,
    "seed": 1,
    "options": {"filters": [4, 8], "units": 16},
}


async def watch(job, seed):
    """Every cursor, over as many connections as it takes."""
    dice, seen = random.Random(seed), []
    cuts = [dice.randrange(1, 20) for _ in range(CUTS)]
    for left in [*cuts, 0]:
        cut = len(seen) + left
        async with contextlib.aclosing(job.watch(after=len(seen))) as events:
            async for event in events:
                seen.append(event.cursor)
                if left and len(seen) == cut:
                    break
    return seen


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("watchers", [20, pytest.param(1000, marks=pytest.mark.long)])
async def test_watchers_who_are_cut_at_random_lose_nothing_and_see_nothing_twice(service, watchers):
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(bessemer.aio.connect(service.address, timeout=300))
            for _ in range(CONNECTIONS)
        ]
        job = await clients[0].train("mnist_cnn", **SPEC)
        jobs = [await client.jobs.get(job.id) for client in clients]
        seen = await asyncio.gather(*(watch(jobs[n % CONNECTIONS], n) for n in range(watchers)))
        last = (await job.refresh())._message.last_cursor
    assert job.state == "SUCCEEDED"
    assert all(cursors == list(range(1, last + 1)) for cursors in seen)

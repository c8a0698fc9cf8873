"""Many watch one job, those who come while it trains and those who come late, and all see the same."""

import asyncio
import itertools

import bessemer.aio

WATCHERS = 30


async def see(job, after=0):
    """Numbers of the events, until the job has ended."""
    return [event.cursor async for event in job.watch(after=after)]


async def watch(address):
    """What was seen by watchers from the beginning, and by those who came at the end with cursors anywhere; other calls were answered
    meanwhile.
    """
    async with bessemer.aio.connect(address) as client:
        job = await client.train("mlp", dataset="iris", epochs=30)
        early = await asyncio.gather(*(see(job) for _ in range(WATCHERS)))
        last = len(early[0])
        cursors = list(itertools.islice(itertools.cycle(range(0, last, 7)), WATCHERS))
        late = asyncio.gather(*(see(job, after) for after in cursors))
        assert (await client.jobs.get(job.id)).state == "SUCCEEDED"
        return early, list(zip(cursors, await late, strict=True))


def test_many_watchers_get_every_event_once_and_in_order(service):
    early, late = asyncio.run(watch(service.address))
    everything = list(range(1, len(early[0]) + 1))
    assert len(everything) > 60  # metrics and a checkpoint of each epoch
    assert all(seen == everything for seen in early)
    assert all(seen == everything[after:] for after, seen in late)

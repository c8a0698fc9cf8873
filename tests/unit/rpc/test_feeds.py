"""Many watch, and the store is asked no more often than if one did."""

import asyncio
import contextlib
import random

import pytest

from bessemer_server.domain import errors
from bessemer_server.rpc import feeds
from bessemer_server.scheduling.notices import Notices
from bessemer_server.scheduling.poller import Poller
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples

STEPS = 1200
"""Reports of the job that is watched: some pages of events, the last of them not full."""
EVENTS = STEPS + 4
"""QUEUED, STARTING, RUNNING, the reports, SUCCEEDED."""


class CountingStore(MemoryStore):
    """Takes a while to read, and counts the reads."""

    reads = 0
    looks = 0

    async def events(self, job_id, after, limit):
        self.reads += bool(limit)
        await asyncio.sleep(0)
        return await super().events(job_id, after, limit)

    async def last_cursors(self, job_ids):
        self.looks += 1
        await asyncio.sleep(0)
        return await super().last_cursors(job_ids)


class PausingStore(CountingStore):
    """Says how far jobs have come when it may."""

    def __init__(self):
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def last_cursors(self, job_ids):
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().last_cursors(job_ids)


async def train(store, notices, steps=STEPS):
    """Report and announce, as trainers and servicers do."""
    for step in range(1, steps + 1):
        await store.report("job-1", 1, [samples.step_metric(step)], samples.progress(step), samples.START)
        notices.announce("job-1")
        await asyncio.sleep(0)
    await store.succeed("job-1", 1, samples.empty_publication(), samples.START)
    notices.announce("job-1")


async def watch(feed, seed):
    """Every cursor, over connections that are cut at random."""
    dice, seen, is_over = random.Random(seed), [], False
    while not is_over:
        cut = dice.randrange(1, STEPS)
        stream = feed.follow("job-1", len(seen))
        async with contextlib.aclosing(stream):
            async for piece in stream:
                taken = piece[:cut]
                seen.extend(message.cursor for message in taken)
                if (cut := cut - len(taken)) == 0:
                    break
                if dice.random() < 0.01 * len(taken):
                    await asyncio.sleep(0)
            else:
                is_over = True
    return seen


async def take_first(stream):
    """The first piece, and no more."""
    async with contextlib.aclosing(stream):
        return await anext(stream)


async def follow_with(watchers):
    """Number of reads while so many watch one job from its beginning to its end."""
    store, notices = CountingStore(), Notices()
    feed = feeds.Feeds(store, notices)
    await samples.begin(store)
    seen = asyncio.gather(*(watch(feed, seed) for seed in range(watchers)))
    await train(store, notices)
    everything = list(range(1, EVENTS + 1))
    assert all(cursors == everything for cursors in await seen)
    return store.reads


@pytest.mark.parametrize("watchers", [20, pytest.param(1000, marks=pytest.mark.long)])
async def test_watchers_cut_at_random_miss_nothing_and_cost_no_more_reads_than_news(watchers):
    reads = await follow_with(watchers)
    assert reads <= 2 * EVENTS


async def test_old_events_are_read_once_for_all_who_replay_them():
    store, notices = CountingStore(), Notices()
    await samples.begin(store)
    await train(store, notices)
    feed = feeds.Feeds(store, notices)
    await asyncio.gather(*(watch(feed, seed) for seed in range(50)))
    pages = EVENTS // feeds.PAGE + 1
    assert (
        store.reads <= 2 * pages + 50
    )  # who comes back to the page that is not full may ask whether there is more


async def test_watchers_who_come_together_ask_together_whether_their_jobs_are_there():
    store, notices = CountingStore(), Notices()
    for n in range(3):
        await samples.create(store, f"job-{n}")
    feed = feeds.Feeds(store, notices)
    streams = [feed.follow(f"job-{n}", 0) for n in range(3) for _ in range(100)]
    first = await asyncio.gather(*(anext(stream) for stream in streams))
    assert all(piece[0].cursor == 1 for piece in first)
    assert store.looks == 2, "one who came first, and all others"
    for stream in streams:
        await stream.aclose()


async def test_a_watcher_that_goes_while_it_asks_for_others_leaves_them_an_answer():
    store, notices = PausingStore(), Notices()
    await samples.create(store, "job-1")
    feed = feeds.Feeds(store, notices)
    first, second, third = (asyncio.create_task(take_first(feed.follow("job-1", 0))) for _ in range(3))
    await store.is_asked.wait()
    first.cancel()
    store.may_answer.set()
    assert [piece[0].cursor for piece in await asyncio.gather(second, third)] == [1, 1]
    assert first.cancelled()


@pytest.mark.parametrize("events", [feeds.PAGE - 1, feeds.PAGE, feeds.PAGE + 1])
async def test_a_job_that_ends_at_the_edge_of_a_page_ends_its_watch(events):
    store, notices = CountingStore(), Notices()
    await samples.begin(store)
    await train(store, notices, steps=events - 4)
    feed = feeds.Feeds(store, notices)
    for cursor in (0, events - 1, events):
        found = [message.cursor async for piece in feed.follow("job-1", cursor) for message in piece]
        assert found == list(range(cursor + 1, events + 1))


async def test_a_cursor_beyond_the_last_event_and_a_deleted_job_are_refused():
    store, notices = CountingStore(), Notices()
    await samples.begin(store)
    feed = feeds.Feeds(store, notices)
    with pytest.raises(errors.InvalidArgument, match="beyond the last event"):
        await anext(feed.follow("job-1", 9))
    await train(store, notices, steps=feeds.PAGE)
    assert (await anext(feed.follow("job-1", 0)))[0].cursor == 1
    await store.delete_job("job-1", samples.START)
    with pytest.raises(errors.NotFound, match="was deleted"):
        await anext(feed.follow("job-1", 0))


async def test_what_another_server_writes_is_found_by_one_query_for_all():
    store, notices = CountingStore(), Notices()
    for n in range(3):
        await samples.create(store, f"job-{n}")
    poller = Poller(store, notices)
    await poller.look()
    assert store.looks == 0, "nobody watches"
    with contextlib.ExitStack() as stack:
        told = [stack.enter_context(notices.listen(f"job-{n}")) for n in range(3) for _ in range(100)]
        await poller.look()
        for event in told:
            event.clear()
        await poller.look()
        assert not any(event.is_set() for event in told), "nothing is new"
        await store.request_cancel("job-1", samples.START)
        await poller.look()
        assert [event.is_set() for event in told] == [False] * 100 + [True] * 100 + [False] * 100
        await store.delete_job("job-1", samples.START)
        told[150].clear()
        await poller.look()
        assert told[150].is_set(), "its watchers must hear that it is gone"
    assert store.looks == 4

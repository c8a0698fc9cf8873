"""Work that several wait for, some of whom give up."""

from __future__ import annotations

import asyncio
import gc

import pytest

from bessemer_server.domain import errors
from bessemer_server.executors.joint import Joint


class Work:
    """Ends when it is told to."""

    def __init__(self):
        self.begun, self.ended, self._may_end = 0, 0, asyncio.Event()

    async def __call__(self):
        self.begun += 1
        await self._may_end.wait()
        self.ended += 1

    def end(self):
        self._may_end.set()


async def begin(count, joint, key, work, turn=None):
    """So many who wait for it."""
    waiting = [asyncio.create_task(joint.do(key, work, turn)) for _ in range(count)]
    await asyncio.sleep(0)
    return waiting


async def give_up(*waiting):
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_many_ask_for_at_once_is_done_once_and_again_when_it_is_asked_for_later():
    joint, work = Joint(), Work()
    waiting = await begin(3, joint, "a", work)
    work.end()
    await asyncio.gather(*waiting)
    assert work.ended == 1
    await joint.do("a", work)
    assert work.ended == 2


async def test_it_goes_on_when_all_give_up_and_who_comes_later_waits_for_the_same():
    joint, work = Joint(), Work()
    await give_up(*await begin(2, joint, "a", work))
    late = await begin(1, joint, "a", work)
    work.end()
    await asyncio.gather(*late)
    assert work.begun == work.ended == 1


async def test_an_error_reaches_all_who_wait_and_is_no_matter_of_who_gave_up(caplog):
    joint, may_fail = Joint(), asyncio.Event()

    async def fail():
        await may_fail.wait()
        raise errors.Unavailable("gone")

    first, *others = await begin(3, joint, "a", fail)
    await give_up(first)
    may_fail.set()
    for waiting in others:
        with pytest.raises(errors.Unavailable, match="gone"):
            await waiting
    may_fail.clear()
    await give_up(*await begin(1, joint, "a", fail))
    may_fail.set()
    await joint.finish(lambda key: key == "a")
    gc.collect()
    assert not caplog.records  # nothing was never retrieved


async def test_who_waited_goes_on_before_other_work_has_its_turn():
    joint, work, turn, order = Joint(), Work(), asyncio.Lock(), []

    async def wait(name):
        await joint.do("a", work, turn)
        order.append(name)

    async def begin_other():
        order.append("other")

    waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    other = asyncio.create_task(joint.do("b", begin_other, turn))
    await asyncio.sleep(0)
    work.end()
    await asyncio.gather(*waiting, other)
    assert order == ["first", "second", "other"]


async def test_who_waits_for_work_that_is_stopped_is_told_so():
    joint = Joint()
    (waiting,) = await begin(1, joint, "a", Work())
    next(iter(joint._tasks)).cancel()
    with pytest.raises(errors.Unavailable, match="the service stops"):
        await waiting

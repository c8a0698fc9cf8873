"""Preparing: turns that are fair, bounded and in time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving import preparing


class Work:
    """Done when it is let; notes its name."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.gate = threading.Event()

    def make(self, name):
        def work():
            self.gate.wait(30)
            self.done.append(name)
            return name

        return work


@pytest.fixture
def work():
    made = Work()
    yield made
    made.gate.set()


async def ask(room, work, name, **wishes):
    return await room.do(work.make(name), model=name[0], rows=1, **wishes)


async def ask_all(room, work, *names, **wishes):
    asked = [asyncio.create_task(ask(room, work, name, **wishes)) for name in names]
    await asyncio.sleep(0)
    return asked


async def test_a_model_with_many_holds_up_no_other(work):
    room = preparing.Preparing(threads=1)
    first = await ask_all(room, work, "a0")
    many, other = await ask_all(room, work, *(f"a{n}" for n in range(1, 9))), await ask_all(room, work, "b")
    work.gate.set()
    assert await asyncio.gather(*first, *many, *other) == [*(f"a{n}" for n in range(9)), "b"]
    assert work.done.index("b") <= 2


async def test_who_has_priority_goes_first(work):
    room = preparing.Preparing(threads=1)
    asked = await ask_all(room, work, "a0", "a1", "a2")
    asked += await ask_all(room, work, "a3", priority=1)
    work.gate.set()
    await asyncio.gather(*asked)
    assert work.done == ["a0", "a3", "a1", "a2"]


async def test_what_fails_fails_alone(work):
    room = preparing.Preparing(threads=2)

    def fail():
        raise errors.InvalidArgument("no picture")

    work.gate.set()
    with pytest.raises(errors.InvalidArgument, match="no picture"):
        await room.do(fail, model="a", rows=1)
    assert await ask(room, work, "a") == "a"


async def test_who_waits_beyond_its_time_is_told_and_not_worked_for(work):
    room = preparing.Preparing(threads=1)
    first, late = await ask_all(room, work, "a0"), await ask_all(room, work, "b", patience_s=0.0)
    work.gate.set()
    await asyncio.gather(*first)
    with pytest.raises(errors.DeadlineExceeded):
        await late[0]
    assert work.done == ["a0"]


async def test_who_gives_up_is_not_worked_for(work):
    room = preparing.Preparing(threads=1)
    first, given_up = await ask_all(room, work, "a0"), await ask_all(room, work, "a1")
    given_up[0].cancel()
    work.gate.set()
    await asyncio.gather(*first)
    assert await ask(room, work, "a2") == "a2"
    assert work.done == ["a0", "a2"]


async def test_who_would_wait_too_long_is_told_at_once(work):
    room = preparing.Preparing(threads=1)
    room._pace.observe("a", 1, 10.0, is_behind=False)
    await ask_all(room, work, "a0", "a1")
    with pytest.raises(errors.ResourceExhausted) as refused:
        await ask(room, work, "a2", patience_s=5.0)
    assert refused.value.reason == "QUEUE_FULL"


async def test_what_waits_is_bounded(work, monkeypatch):
    monkeypatch.setattr(preparing, "MAX_WAITING_ROWS", 3)
    room = preparing.Preparing(threads=1)
    asked = await ask_all(room, work, *(f"a{n}" for n in range(6)))
    work.gate.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [str] * 4 + [errors.ResourceExhausted] * 2


async def test_who_waits_when_the_service_ends_is_told(work):
    room = preparing.Preparing(threads=1)
    first, second = await ask_all(room, work, "a0"), await ask_all(room, work, "a1")
    room._idle += 1  # so that the second waits for the thread itself
    room._go_on()
    room._threads.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(errors.Unavailable, match="the service stops"):
        await second[0]
    work.gate.set()
    assert await first[0] == "a0"

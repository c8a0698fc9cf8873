"""A time limit that is set anew all the time."""

import asyncio

import pytest
import uvloop

from bessemer_server.executors.alarm import Alarm

SOON_S, LATER_S = 0.02, 60.0
LONG_ENOUGH_S = 0.2


class Rung(asyncio.Event):
    """That it rang, and how often."""

    times = 0

    def ring(self):
        self.times += 1
        self.set()


@pytest.fixture
async def rung():
    return Rung()


@pytest.fixture
async def alarm(rung):
    return Alarm(rung.ring)


async def _hear(rung):
    async with asyncio.timeout(LATER_S / 2):
        await rung.wait()


async def test_it_rings_once_when_its_time_has_come(alarm, rung):
    alarm.set(SOON_S)
    assert not rung.is_set()
    await _hear(rung)
    await asyncio.sleep(LONG_ENOUGH_S)
    assert rung.times == 1


async def test_it_does_not_ring_once_it_was_cleared(alarm, rung):
    alarm.set(SOON_S)
    alarm.clear()
    await asyncio.sleep(LONG_ENOUGH_S)
    assert not rung.is_set()


async def test_what_counts_is_when_it_was_set_last(alarm, rung):
    for _ in range(10):
        alarm.set(LONG_ENOUGH_S)
        await asyncio.sleep(SOON_S)
    begun_s = asyncio.get_running_loop().time()
    alarm.set(LONG_ENOUGH_S)
    await _hear(rung)
    assert asyncio.get_running_loop().time() - begun_s >= LONG_ENOUGH_S - SOON_S


async def test_it_rings_sooner_when_it_is_set_to_less(alarm, rung):
    alarm.set(LATER_S)
    alarm.set(SOON_S)
    await _hear(rung)


async def test_it_can_be_set_again_after_it_was_cleared_and_after_it_rang(alarm, rung):
    alarm.set(SOON_S)
    alarm.clear()
    await asyncio.sleep(LONG_ENOUGH_S)
    for _ in range(2):
        alarm.set(SOON_S)
        await _hear(rung)
        rung.clear()


async def test_it_leaves_nothing_behind_when_it_is_closed(alarm, rung):
    alarm.set(SOON_S)
    alarm.close()
    await asyncio.sleep(LONG_ENOUGH_S)
    assert not rung.is_set()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_may_be_set_at_any_time_beside_its_own(make_loop):
    """Loops round times, and a timer of next to nothing is none for uvloop."""

    async def set_often():
        rung = Rung()
        alarm = Alarm(rung.ring)
        for n in range(100):
            alarm.set(0.0101 + n / 1e5)
            await asyncio.sleep(0.01)
            alarm.set(0.0003 if n % 2 else 0.02)
            await asyncio.sleep(0)
            alarm.set(0.0101)
        await _hear(rung)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(set_often())

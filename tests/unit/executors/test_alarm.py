"""A time limit that is set anew all the time."""

import asyncio

import pytest

from bessemer_server.executors.alarm import Alarm

SOON_S, LATER_S = 0.02, 60.0
LONG_ENOUGH_S = 0.2


@pytest.fixture
def rung():
    return asyncio.Event()


@pytest.fixture
def alarm(rung):
    def ring():
        assert not rung.is_set(), "it rings once"
        rung.set()

    return Alarm(ring)


async def _hear(rung):
    async with asyncio.timeout(LATER_S / 2):
        await rung.wait()


async def test_it_rings_once_when_its_time_has_come(alarm, rung):
    alarm.set(SOON_S)
    assert not rung.is_set()
    await _hear(rung)
    await asyncio.sleep(LONG_ENOUGH_S)


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

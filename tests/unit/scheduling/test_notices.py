"""Waking watchers."""

import asyncio

import pytest

from bessemer_server.scheduling.notices import Notices, wait_up_to


async def test_only_those_who_listen_to_the_job_are_woken():
    notices = Notices()
    with notices.listen("a") as a, notices.listen("a") as also_a, notices.listen("b") as b:
        notices.announce("a")
        assert a.is_set()
        assert also_a.is_set()
        assert not b.is_set()


async def test_nothing_is_kept_of_a_listener_that_left():
    notices = Notices()
    with notices.listen("a"):
        pass
    notices.announce("a")
    assert not notices._waiting


@pytest.mark.parametrize("turns", range(6))
def test_who_waits_can_be_cancelled_in_the_very_moment_of_the_news(turns):
    async def wait_for_ever(event):
        while True:
            event.clear()
            await wait_up_to(event, 60)

    async def cancel_with_news():
        event = asyncio.Event()
        waiting = asyncio.create_task(wait_for_ever(event))
        await asyncio.sleep(0.01)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait({waiting}, timeout=5)
        return bool(done)

    assert asyncio.run(cancel_with_news())

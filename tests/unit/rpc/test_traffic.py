"""What a stop waits for, and an unload."""

import asyncio

import pytest

from bessemer_server.domain import errors
from bessemer_server.rpc import traffic


async def test_a_stop_waits_for_what_was_accepted_and_refuses_what_comes_later(monkeypatch):
    monkeypatch.setattr(traffic, "QUIET_S", 0)
    calls = traffic.Traffic()
    first, second = calls.begin("a"), calls.begin("b")
    closing = asyncio.create_task(calls.close(60))
    await asyncio.sleep(0)
    with pytest.raises(errors.Unavailable, match="the service stops") as refused:
        calls.begin("a")
    assert refused.value.reason == "STOPPING"
    calls.end(first)
    for _ in range(9):
        await asyncio.sleep(0)
    assert not closing.done()
    calls.end(second)
    await closing


async def test_a_stop_has_no_more_patience_than_it_was_given():
    calls = traffic.Traffic()
    calls.begin("a")
    await calls.close(0.01)
    with pytest.raises(errors.Unavailable):
        calls.check()


async def test_who_was_refused_has_time_to_hear_of_it(monkeypatch):
    monkeypatch.setattr(traffic, "QUIET_S", 0)
    calls = traffic.Traffic()
    closing = asyncio.create_task(calls.close(60))
    for _ in range(5):
        await asyncio.sleep(0)
        with pytest.raises(errors.Unavailable):
            calls.check()
        assert not closing.done()
    await closing


async def test_an_unload_waits_for_the_predictions_of_its_model_alone():
    calls = traffic.Traffic()
    first, second, _ = (calls.begin(model) for model in ("a", "a", "b"))
    waiting = [asyncio.create_task(calls.wait_for(model)) for model in ("a", "a", "c")]
    await asyncio.sleep(0)
    calls.end(first)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, False, True]
    calls.end(second)
    await asyncio.gather(*waiting)


async def test_an_unload_does_not_wait_for_what_comes_after_it():
    calls = traffic.Traffic()
    before = calls.begin("a")
    waiting = asyncio.create_task(calls.wait_for("a"))
    await asyncio.sleep(0)
    calls.begin("a")
    another = asyncio.create_task(calls.wait_for("a"))
    await asyncio.sleep(0)
    calls.end(before)
    await waiting
    assert not another.done()
    another.cancel()

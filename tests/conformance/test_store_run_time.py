"""Jobs that may hold a slot for a limited time."""

from __future__ import annotations

import pytest

from bessemer_server.domain.jobs import DEADLINE_GRACE_S, Command
from bessemer_server.domain.ports import Store
from tests.conformance import samples

NOW = samples.at(10)


async def report(store: Store, attempt: int, run_s: float) -> Command:
    return await store.report("job-1", attempt, [], None, NOW, run_s=run_s)


async def test_time_in_a_slot_adds_up_over_attempts_and_not_over_the_queue(store: Store) -> None:
    await samples.begin(store)
    await report(store, 1, 2.5)
    await report(store, 1, 4.0)
    await report(store, 1, 3.0)  # came late
    assert (await store.get_job("job-1")).run_s == 4.0
    await store.release("job-1", 1, samples.LOSS, True, samples.at(1000))
    await samples.start(store, now=samples.at(5000))
    await report(store, 2, 0.25)
    await report(store, 2, 0.5)
    assert (await store.get_job("job-1")).run_s == 4.5


async def test_a_job_without_a_limit_goes_on_for_ever(store: Store) -> None:
    await samples.begin(store)
    assert await report(store, 1, 1e9) is Command.CONTINUE
    assert (await store.get_job("job-1")).max_runtime_s is None


async def test_a_job_beyond_its_limit_is_told_to_stop_and_ended_when_it_does_not(store: Store) -> None:
    await samples.begin(store, max_runtime_s=5.0)
    assert await report(store, 1, 4.9) is Command.CONTINUE
    assert await report(store, 1, 5.0) is Command.PREEMPT
    assert await report(store, 1, 4.0) is Command.PREEMPT
    assert await report(store, 1, 5.0 + DEADLINE_GRACE_S) is Command.END


async def test_who_asked_for_a_stop_is_heard_beyond_the_limit(store: Store) -> None:
    await samples.begin(store, max_runtime_s=5.0)
    await store.request_cancel("job-1", NOW)
    assert await report(store, 1, 1000.0) is Command.CANCEL


async def test_who_shall_pause_and_does_not_is_ended_beyond_the_limit(store: Store) -> None:
    await samples.begin(store, max_runtime_s=5.0)
    await store.request_pause("job-1", NOW)
    assert await report(store, 1, 5.0) is Command.PREEMPT
    assert await report(store, 1, 5.0 + DEADLINE_GRACE_S) is Command.END


@pytest.mark.parametrize("run_s", [0.0, 7.0])
async def test_a_retry_gives_the_whole_time_again(store: Store, run_s: float) -> None:
    await samples.begin(store, max_runtime_s=5.0)
    await report(store, 1, run_s)
    await store.fail("job-1", 1, samples.LOSS, NOW)
    job = await store.retry("job-1", NOW)
    assert (job.run_s, job.past_run_s, job.max_runtime_s) == (0, 0, 5.0)
    await samples.start(store, now=samples.at(20))
    assert await report(store, 2, 4.0) is Command.CONTINUE

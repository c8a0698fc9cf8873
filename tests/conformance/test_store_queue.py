"""What every store keeps to: in which order jobs wait, and how long after losses."""

from __future__ import annotations

import random

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.events import StateChanged
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples

NOW = samples.START


async def test_the_highest_priority_comes_first_and_the_oldest_of_equals(store: Store) -> None:
    for job_id, priority, age in [("a", 0, 1), ("b", -5, 0), ("c", 100, 3), ("d", 0, 0), ("e", 100, 2)]:
        job = await samples.create(store, job_id, priority=priority, age=age)
        assert job.priority == priority
        assert await store.get_job(job_id) == job
    assert [job.id for job in await store.queued_jobs(9, NOW)] == ["e", "c", "d", "a", "b"]
    assert [job.id for job in await store.queued_jobs(2, NOW)] == ["e", "c"]
    assert await store.queue_positions(["a", "b", "e", "x"], NOW) == {"e": 1, "a": 4, "b": 5}


async def test_only_queued_jobs_have_a_place_in_the_queue(store: Store) -> None:
    for job_id in ("running", "paused", "cancelled", "queued"):
        await samples.create(store, job_id)
    await samples.start(store, "running")
    await store.request_pause("paused", NOW)
    await store.request_cancel("cancelled", NOW)
    everyone = ["running", "paused", "cancelled", "queued"]
    assert await store.queue_positions(everyone, NOW) == {"queued": 1}


async def test_a_job_that_backs_off_is_passed_by_until_its_time_has_come(store: Store) -> None:
    await samples.begin(store, "lost", priority=9)
    await samples.create(store, "other", age=1)
    job = await store.release("lost", 1, samples.LOSS, is_loss=True, now=NOW, delay_s=20)
    assert job.next_attempt_time == samples.at(20)
    assert job.state_message == f"waits 20 s before attempt 2: {samples.LOSS.message}"
    assert await store.get_job("lost") == job
    for seconds, expected in [(0, ["other"]), (19.9, ["other"]), (20, ["lost", "other"])]:
        assert [queued.id for queued in await store.queued_jobs(9, samples.at(seconds))] == expected
        places = await store.queue_positions(["lost", "other"], samples.at(seconds))
        assert places == {job_id: place for place, job_id in enumerate(expected, start=1)}


async def test_a_clock_that_jumped_back_by_a_day_does_not_keep_a_job_waiting(store: Store) -> None:
    await samples.begin(store)
    await store.release("job-1", 1, samples.LOSS, is_loss=True, now=NOW, delay_s=20)
    assert [job.id for job in await store.queued_jobs(9, samples.at(-86_400))] == ["job-1"]


async def test_whatever_happens_to_a_job_that_backs_off_ends_its_back_off(store: Store) -> None:
    for job_id in ("started", "paused", "cancelled"):
        await samples.begin(store, job_id)
        await store.release(job_id, 1, samples.LOSS, is_loss=True, now=NOW, delay_s=20)
    await samples.start(store, "started", samples.at(21))
    await store.request_pause("paused", NOW)
    await store.resume("paused", NOW)
    await store.request_cancel("cancelled", NOW)
    for job_id in ("started", "paused", "cancelled"):
        assert (await store.get_job(job_id)).next_attempt_time is None


async def test_transitions_are_the_changes_of_state_and_nothing_else(store: Store) -> None:
    await samples.begin(store)
    await store.report("job-1", 1, [samples.epoch_metric(1)], samples.progress(3), samples.at(1))
    await store.fail("job-1", 1, samples.LOSS, samples.at(2))
    await store.retry("job-1", samples.at(3))
    found = await store.transitions("job-1")
    everything = await store.events("job-1", 0, 100)
    assert found == [event for event in everything if isinstance(event.kind, StateChanged)]
    assert len(found) == 5 < len(everything)
    with pytest.raises(errors.NotFound):
        await store.transitions("x")


LEGAL: dict[str, dict[str, str]] = {
    "start": {"QUEUED": "STARTING"},
    "report": {"STARTING": "RUNNING", **{s: s for s in ("RUNNING", "PAUSING", "CANCELLING")}},
    "cancel": {
        **dict.fromkeys(("QUEUED", "PAUSED", "CANCELLED"), "CANCELLED"),
        **dict.fromkeys(("STARTING", "RUNNING", "PAUSING", "CANCELLING"), "CANCELLING"),
    },
    "pause": {
        **dict.fromkeys(("QUEUED", "PAUSED"), "PAUSED"),
        **dict.fromkeys(("STARTING", "RUNNING", "PAUSING"), "PAUSING"),
    },
    "resume": {"PAUSED": "QUEUED", **{s: s for s in ("QUEUED", "STARTING", "RUNNING")}},
    "retry": {
        **dict.fromkeys(("FAILED", "CANCELLED", "QUEUED"), "QUEUED"),
        **{s: s for s in ("STARTING", "RUNNING")},
    },
    "delete": dict.fromkeys(("FAILED", "CANCELLED", "SUCCEEDED", ""), ""),
    "lose": {"STARTING": "QUEUED", "RUNNING": "QUEUED", "PAUSING": "PAUSED", "CANCELLING": "CANCELLED"},
    "fail": dict.fromkeys(("STARTING", "RUNNING", "PAUSING", "CANCELLING", "FAILED"), "FAILED"),
    "succeed": dict.fromkeys(("STARTING", "RUNNING", "PAUSING", "CANCELLING", "SUCCEEDED"), "SUCCEEDED"),
}
"""The state that follows each request in each state, written down a second time; absent: refused. Empty: deleted."""


async def _do(store: Store, request: str, job_id: str, attempt: int, step: int) -> bool:
    """Whether the store did it."""
    now = samples.at(step)
    calls = {
        "start": lambda: store.start_attempt(job_id, "cpu#0", f"{job_id}-{step}", now),
        "report": lambda: store.report(job_id, attempt, [], samples.progress(step % 20), now),
        "cancel": lambda: store.request_cancel(job_id, now),
        "pause": lambda: store.request_pause(job_id, now),
        "resume": lambda: store.resume(job_id, now),
        "retry": lambda: store.retry(job_id, now),
        "delete": lambda: store.delete_job(job_id, now),
        "lose": lambda: store.release(job_id, attempt, samples.LOSS, True, now),
        "fail": lambda: store.fail(job_id, attempt, samples.LOSS, now),
        "succeed": lambda: store.succeed(job_id, attempt, samples.empty_publication(), now),
    }
    try:
        found = await calls[request]()
    except (errors.FailedPrecondition, errors.StaleAttempt, errors.NotFound):
        return False
    return request != "start" or found is not None


@pytest.mark.parametrize("seed", range(3))
async def test_random_requests_leave_each_job_where_the_table_says(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    expected = {f"job-{n}": "QUEUED" for n in range(4)}
    attempts = dict.fromkeys(expected, 0)
    for job_id in expected:
        await samples.create(store, job_id)
    # What a trainer does is drawn more often: else hardly a job would get anywhere.
    requests = [*LEGAL, "start", "start", "report", "report", "lose"]
    for step in range(150):
        job_id, request = draw.choice(list(expected)), draw.choice(requests)
        before, after = expected[job_id], LEGAL[request].get(expected[job_id])
        done = await _do(store, request, job_id, attempts[job_id], step)
        assert done == (after is not None), (step, request, before)
        if after is not None:
            expected[job_id] = after
            attempts[job_id] += request == "start"
        if expected[job_id]:
            job = await store.get_job(job_id)
            assert (job.state, job.attempt) == (expected[job_id], attempts[job_id]), (step, request, before)
            events = await store.events(job_id, 0, 10_000)
            assert [event.cursor for event in events] == list(range(1, job.last_cursor + 1))
            assert (job.failure is not None) == (job.state is State.FAILED)
        else:
            with pytest.raises(errors.NotFound):
                await store.get_job(job_id)
    active = {attempt.job_id for attempt in await store.active_attempts()}
    assert active == {job_id for job_id, state in expected.items() if state and State(state).is_active}

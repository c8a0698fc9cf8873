"""What every store keeps to: attempts, from their start to every kind of end, and the writes of those that are stale."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.events import StateChanged
from bessemer_server.domain.jobs import Attempt, Command
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.fix_database import Stores

NOW = samples.START
WRITES: dict[str, Callable[[Store, int], Awaitable[object]]] = {
    "set_pid": lambda store, n: store.set_pid("job-1", n, 99),
    "pin_threads": lambda store, n: store.pin_threads("job-1", n, 99),
    "report": lambda store, n: store.report("job-1", n, [samples.epoch_metric(1)], samples.progress(1), NOW),
    "commit_checkpoint": lambda store, n: store.commit_checkpoint(
        "job-1", n, samples.manifest(1), Retention(2), NOW
    ),
    "succeed": lambda store, n: store.succeed("job-1", n, samples.publication(), NOW),
    "fail": lambda store, n: store.fail("job-1", n, samples.LOSS, NOW),
    "confirm_cancel": lambda store, n: store.confirm_cancel("job-1", n, NOW),
    "release": lambda store, n: store.release("job-1", n, samples.LOSS, is_loss=True, now=NOW),
}


async def _cancel(store: Store) -> None:
    await store.request_cancel("job-1", NOW)
    await store.confirm_cancel("job-1", 1, NOW)


ENDS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "SUCCEEDED": lambda store: store.succeed("job-1", 1, samples.publication(), NOW),
    "FAILED": lambda store: store.fail("job-1", 1, samples.LOSS, NOW),
    "CANCELLED": _cancel,
}
REPEATS = {"SUCCEEDED": "succeed", "FAILED": "fail", "CANCELLED": "confirm_cancel"}


async def _everything(store: Store) -> list[object]:
    """All that a stale write could have changed."""
    return [
        await store.get_job("job-1"),
        await store.events("job-1", 0, 1000),
        await store.list_metrics("job-1", [], 1000, ""),
        await store.list_checkpoints("job-1"),
        await store.list_models("", 1000, ""),
        await store.active_attempts(),
    ]


async def test_the_first_attempt_starts_a_queued_job(store: Store) -> None:
    await samples.create(store)
    attempt = await store.start_attempt("job-1", "cuda:0", "digest", samples.at(3))
    assert attempt == Attempt("job-1", 1, "cuda:0", 0, samples.at(3))
    job = await store.get_job("job-1")
    assert (job.state, job.attempt, job.start_time) == (State.STARTING, 1, samples.at(3))
    assert (await store.events("job-1", 1, 10))[0].kind == StateChanged(State.STARTING, 1)


async def test_what_was_said_of_the_wait_ends_with_it(store: Store) -> None:
    await samples.begin(store)
    loss = dataclasses.replace(samples.LOSS, message="lost: \x00 \udc80 é")
    await store.release("job-1", 1, loss, True, samples.at(1))
    assert "lost: \x00 \udc80 é" in (await store.get_job("job-1")).state_message
    await samples.start(store, now=samples.at(1e4))
    assert (await store.get_job("job-1")).state_message == ""


async def test_a_job_that_is_taken_or_cancelled_is_not_started_again(store: Store) -> None:
    await samples.begin(store, "taken")
    await samples.create(store, "cancelled")
    await store.request_cancel("cancelled", NOW)
    for job_id in ("taken", "cancelled"):
        before = await store.get_job(job_id)
        assert await store.start_attempt(job_id, "cpu:0", "digest", NOW) is None
        assert await store.get_job(job_id) == before
    with pytest.raises(errors.Unauthenticated):
        await store.authenticate("digest")


async def test_the_next_attempt_has_the_next_number_and_keeps_the_start_time(store: Store) -> None:
    await samples.begin(store)
    await store.release("job-1", 1, samples.LOSS, is_loss=True, now=samples.at(1))
    attempt = await samples.start(store, now=samples.at(2))
    job = await store.get_job("job-1")
    assert (attempt.number, job.attempt, job.start_time) == (2, 2, NOW)


async def test_active_attempts_are_the_current_ones_of_active_jobs(store: Store) -> None:
    await samples.create(store, "queued")
    await samples.create(store, "starting")
    await samples.start(store, "starting")
    await samples.begin(store, "running")
    await samples.begin(store, "cancelling")
    await store.request_cancel("cancelling", NOW)
    await samples.begin(store, "failed")
    await store.fail("failed", 1, samples.LOSS, NOW)
    await samples.begin(store, "second")
    await store.release("second", 1, samples.LOSS, is_loss=True, now=NOW)
    await samples.start(store, "second", samples.at(1))
    found = {(attempt.job_id, attempt.number) for attempt in await store.active_attempts()}
    assert found == {("starting", 1), ("running", 1), ("cancelling", 1), ("second", 2)}


async def test_the_process_id_of_a_trainer_is_kept(store: Store) -> None:
    await samples.begin(store)
    await store.set_pid("job-1", 1, 4242)
    assert [attempt.pid for attempt in await store.active_attempts()] == [4242]


async def test_every_attempt_has_the_threads_of_the_first(store: Store) -> None:
    await samples.begin(store)
    assert await store.pin_threads("job-1", 1, 4) == 4
    assert await store.pin_threads("job-1", 1, 2) == 4  # it asks again
    await store.release("job-1", 1, samples.LOSS, is_loss=True, now=NOW)
    await samples.start(store, now=samples.at(1))
    assert await store.pin_threads("job-1", 2, 2) == 4
    await samples.begin(store, "job-2")
    assert await store.pin_threads("job-2", 1, 2) == 2


async def test_a_token_names_its_attempt_even_when_that_is_stale(store: Store) -> None:
    await samples.create(store)
    for n in (1, 2):
        await store.start_attempt("job-1", f"cpu:{n}", f"digest-{n}", samples.at(n))
        await store.release("job-1", n, samples.LOSS, is_loss=True, now=samples.at(n))
    assert await store.authenticate("digest-1") == Attempt("job-1", 1, "cpu:1", 0, samples.at(1))
    assert await store.authenticate("digest-2") == Attempt("job-1", 2, "cpu:2", 0, samples.at(2))


async def test_a_token_that_nobody_issued_is_refused(store: Store) -> None:
    with pytest.raises(errors.Unauthenticated):
        await store.authenticate("forged")


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("number", [0, 1, 3])
async def test_a_write_of_any_attempt_but_the_current_one_changes_nothing(
    stores: Stores, write: str, number: int
) -> None:
    await samples.put(stores.blobs)
    await samples.begin(stores.store)
    await stores.store.release("job-1", 1, samples.LOSS, is_loss=True, now=NOW)
    await samples.start(stores.store, now=samples.at(1))
    before = await _everything(stores.store)
    with pytest.raises(
        errors.StaleAttempt, match=f"attempt {number} of job job-1.*current attempt is 2.*end this"
    ):
        await WRITES[write](stores.store, number)
    assert await _everything(stores.store) == before


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_to_a_job_that_waits_changes_nothing(stores: Stores, write: str) -> None:
    await samples.put(stores.blobs)
    await samples.begin(stores.store)
    await stores.store.release("job-1", 1, samples.LOSS, is_loss=False, now=NOW)
    before = await _everything(stores.store)
    with pytest.raises(errors.StaleAttempt, match="QUEUED"):
        await WRITES[write](stores.store, 1)
    assert await _everything(stores.store) == before


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_to_a_job_that_has_ended_changes_nothing(stores: Stores, end: str, write: str) -> None:
    await samples.put(stores.blobs)
    await samples.begin(stores.store)
    await ENDS[end](stores.store)
    before = await _everything(stores.store)
    if REPEATS[end] == write:
        await WRITES[write](stores.store, 1)
    else:
        with pytest.raises(errors.StaleAttempt, match=end):
            await WRITES[write](stores.store, 1)
    assert await _everything(stores.store) == before


async def test_a_failure_ends_the_job_and_is_kept_whole(store: Store) -> None:
    await samples.begin(store)
    await store.fail("job-1", 1, samples.LOSS, samples.at(7))
    job = await store.get_job("job-1")
    assert (job.state, job.failure, job.end_time) == (State.FAILED, samples.LOSS, samples.at(7))
    assert job.state_message == samples.LOSS.message
    kind = StateChanged(State.FAILED, 1, samples.LOSS.message, failure=samples.LOSS)
    assert (await store.events("job-1", 3, 10))[0].kind == kind


async def test_a_job_may_fail_before_its_trainer_has_reported(store: Store) -> None:
    await samples.create(store)
    await samples.start(store)
    await store.fail("job-1", 1, samples.LOSS, NOW)
    assert (await store.get_job("job-1")).state is State.FAILED


async def test_a_cancel_is_confirmed_only_when_it_was_asked_for(store: Store) -> None:
    await samples.begin(store)
    before = await store.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match="RUNNING cannot become CANCELLED"):
        await store.confirm_cancel("job-1", 1, NOW)
    assert await store.get_job("job-1") == before


async def test_a_confirmed_cancel_ends_the_job(store: Store) -> None:
    await samples.begin(store)
    await store.request_cancel("job-1", samples.at(1))
    await store.confirm_cancel("job-1", 1, samples.at(2))
    job = await store.get_job("job-1")
    assert (job.state, job.end_time) == (State.CANCELLED, samples.at(2))


@pytest.mark.parametrize("end", ["succeed", "fail"])
async def test_a_trainer_that_ends_before_it_hears_of_the_cancel_keeps_its_own_end(
    stores: Stores, end: str
) -> None:
    await samples.put(stores.blobs)
    await samples.begin(stores.store)
    await stores.store.request_cancel("job-1", NOW)
    await WRITES[end](stores.store, 1)
    expected = {"succeed": State.SUCCEEDED, "fail": State.FAILED}[end]
    assert (await stores.store.get_job("job-1")).state is expected


async def test_a_released_job_waits_again_and_says_why(store: Store) -> None:
    await samples.begin(store)
    job = await store.release("job-1", 1, samples.LOSS, is_loss=True, now=samples.at(4))
    assert (job.state, job.state_message, job.failure) == (State.QUEUED, samples.LOSS.message, None)
    assert (job.losses, job.attempt, job.end_time) == (1, 1, None)
    assert await store.get_job("job-1") == job
    assert (await store.events("job-1", 3, 9))[0].kind == StateChanged(State.QUEUED, 1, samples.LOSS.message)


async def test_a_released_job_that_was_to_be_cancelled_is_cancelled(store: Store) -> None:
    await samples.begin(store)
    await store.request_cancel("job-1", NOW)
    job = await store.release("job-1", 1, samples.LOSS, is_loss=True, now=samples.at(4))
    assert (job.state, job.end_time) == (State.CANCELLED, samples.at(4))


async def test_losses_count_until_a_checkpoint_and_preemptions_do_not(stores: Stores) -> None:
    store = stores.store
    await samples.put(stores.blobs)
    await samples.create(store)
    counts = []
    for n, is_loss in enumerate([True, True, False, True], start=1):
        await samples.start(store, now=samples.at(n))
        counts.append((await store.release("job-1", n, samples.LOSS, is_loss=is_loss, now=NOW)).losses)
    assert counts == [1, 2, 2, 3]
    await samples.start(store, now=samples.at(9))
    await store.commit_checkpoint("job-1", 5, samples.manifest(10), Retention(2), NOW)
    assert (await store.get_job("job-1")).losses == 0
    assert (await store.release("job-1", 5, samples.LOSS, is_loss=True, now=NOW)).losses == 1


async def test_a_report_renews_the_lease_and_the_job_runs(store: Store) -> None:
    await samples.create(store)
    await samples.start(store)
    assert await store.report("job-1", 1, [], None, samples.at(5)) is Command.CONTINUE
    assert [attempt.lease_time for attempt in await store.active_attempts()] == [samples.at(5)]
    assert (await store.get_job("job-1")).state is State.RUNNING
    assert (await store.events("job-1", 2, 9))[0].kind == StateChanged(State.RUNNING, 1)


async def test_a_bare_heartbeat_appends_no_event(store: Store) -> None:
    await samples.begin(store)
    before = await store.get_job("job-1")
    await store.report("job-1", 1, [], None, samples.at(5))
    assert await store.get_job("job-1") == before


async def test_a_report_of_a_job_to_be_cancelled_is_recorded_and_answered_with_cancel(store: Store) -> None:
    await samples.begin(store)
    await store.request_cancel("job-1", NOW)
    assert await store.report("job-1", 1, [samples.epoch_metric(1)], None, NOW) is Command.CANCEL
    job = await store.get_job("job-1")
    assert (job.state, job.metrics) == (State.CANCELLING, {"val/loss": 0.5})


async def test_a_starting_job_that_was_cancelled_does_not_become_running(store: Store) -> None:
    await samples.create(store)
    await samples.start(store)
    await store.request_cancel("job-1", NOW)
    assert await store.report("job-1", 1, [], None, NOW) is Command.CANCEL
    assert (await store.get_job("job-1")).state is State.CANCELLING


@pytest.mark.parametrize("how", ["release", "fail"])
async def test_an_attempt_that_was_heard_of_meanwhile_is_not_lost(store, how):
    attempt = await samples.begin(store)
    heard = (await store.active_attempts())[0].lease_time
    await store.report("job-1", 1, [], None, samples.at(7))

    def lose(since):
        if how == "fail":
            return store.fail("job-1", attempt.number, samples.LOSS, samples.at(8), heard=since)
        return store.release("job-1", attempt.number, samples.LOSS, True, samples.at(8), heard=since)

    with pytest.raises(errors.StaleAttempt, match="it is not lost"):
        await lose(heard)
    assert (await store.get_job("job-1")).state is State.RUNNING
    await lose((await store.active_attempts())[0].lease_time)
    assert (await store.get_job("job-1")).state is not State.RUNNING

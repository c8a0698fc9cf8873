"""What every store keeps to: pausing and resuming jobs."""

from __future__ import annotations

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.events import StateChanged
from bessemer_server.domain.jobs import Command
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.fix_database import Stores

NOW = samples.START


async def _pausing(store: Store, job_id: str = "job-1") -> None:
    await samples.begin(store, job_id)
    await store.request_pause(job_id, NOW)


async def _paused(store: Store, job_id: str = "job-1") -> None:
    await _pausing(store, job_id)
    await store.release(job_id, 1, samples.LOSS, is_loss=False, now=NOW)


async def test_pausing_a_queued_job_takes_it_out_of_the_queue_at_once(store: Store) -> None:
    await samples.create(store)
    job = await store.request_pause("job-1", samples.at(5))
    assert (job.state, job.end_time, job.last_cursor) == (State.PAUSED, None, 2)
    assert await store.get_job("job-1") == job
    assert await store.queued_jobs(10, samples.START) == []
    assert await store.start_attempt("job-1", "cpu:0", "digest", NOW) is None


async def test_pausing_a_starting_or_running_job_asks_its_trainer_to_save_and_stop(store: Store) -> None:
    await samples.create(store, "starting")
    await samples.start(store, "starting")
    await samples.begin(store, "running")
    for job_id in ("starting", "running"):
        assert (await store.request_pause(job_id, samples.at(5))).state is State.PAUSING
        assert await store.report(job_id, 1, [], samples.progress(3), NOW) is Command.PREEMPT
        job = await store.get_job(job_id)
        assert (job.state, job.progress) == (State.PAUSING, samples.progress(3))


async def test_a_pausing_job_takes_the_checkpoint_that_its_trainer_saves(stores: Stores) -> None:
    await samples.put(stores.blobs)
    await _pausing(stores.store)
    saved = await samples.commit(stores.store, step=7)
    await stores.store.release("job-1", 1, samples.LOSS, is_loss=False, now=NOW)
    assert await stores.store.latest_checkpoint("job-1") == saved


@pytest.mark.parametrize("is_loss", [False, True])
async def test_a_pausing_job_is_paused_however_its_attempt_ends_and_holds_no_slot(
    store: Store, is_loss: bool
) -> None:
    await _pausing(store)
    job = await store.release("job-1", 1, samples.LOSS, is_loss=is_loss, now=samples.at(4))
    assert (job.state, job.end_time, job.attempt) == (State.PAUSED, None, 1)
    assert (samples.LOSS.message in job.state_message) == is_loss
    assert await store.get_job("job-1") == job
    assert await store.active_attempts() == []
    assert await store.queued_jobs(10, samples.START) == []


async def test_a_resumed_job_waits_for_its_next_attempt_and_its_losses_are_forgotten(store: Store) -> None:
    await _pausing(store)
    await store.release("job-1", 1, samples.LOSS, is_loss=True, now=NOW)
    job = await store.resume("job-1", samples.at(6))
    assert (job.state, job.losses, job.attempt) == (State.QUEUED, 0, 1)
    assert [queued.id for queued in await store.queued_jobs(10, samples.START)] == ["job-1"]
    last = (await store.events("job-1", job.last_cursor - 1, 9))[0]
    assert last.kind == StateChanged(State.QUEUED, 1, "resumed")
    assert (await samples.start(store, now=samples.at(7))).number == 2


async def test_pausing_or_resuming_again_changes_nothing(store: Store) -> None:
    await samples.create(store, "queued")
    await samples.begin(store, "running")
    for job_id in ("queued", "running"):
        before = await store.get_job(job_id)
        assert await store.resume(job_id, samples.at(1)) == before
        first = await store.request_pause(job_id, samples.at(5))
        assert await store.request_pause(job_id, samples.at(6)) == first
        assert await store.get_job(job_id) == first


async def test_a_job_that_pauses_still_is_not_resumed(store: Store) -> None:
    await _pausing(store)
    before = await store.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match=r"still PAUSING.*when it is PAUSED"):
        await store.resume("job-1", NOW)
    assert await store.get_job("job-1") == before


async def test_a_job_that_was_cancelled_or_has_ended_is_neither_paused_nor_resumed(store: Store) -> None:
    await samples.begin(store, "failed")
    await store.fail("failed", 1, samples.LOSS, NOW)
    await samples.begin(store, "cancelling")
    await store.request_cancel("cancelling", NOW)
    for job_id, state in (("failed", "FAILED"), ("cancelling", "CANCELLING")):
        before = await store.get_job(job_id)
        with pytest.raises(errors.FailedPrecondition, match=state):
            await store.request_pause(job_id, NOW)
        with pytest.raises(errors.FailedPrecondition, match=state):
            await store.resume(job_id, NOW)
        assert await store.get_job(job_id) == before


async def test_a_paused_job_is_cancelled_at_once_and_a_pausing_one_when_its_trainer_ends(
    store: Store,
) -> None:
    await _paused(store, "paused")
    assert (await store.request_cancel("paused", samples.at(3))).state is State.CANCELLED
    await _pausing(store, "pausing")
    assert (await store.request_cancel("pausing", NOW)).state is State.CANCELLING
    assert await store.report("pausing", 1, [], None, NOW) is Command.CANCEL
    job = await store.release("pausing", 1, samples.LOSS, is_loss=False, now=samples.at(4))
    assert (job.state, job.end_time) == (State.CANCELLED, samples.at(4))


async def test_a_trainer_that_ends_before_it_hears_of_the_pause_keeps_its_own_end(stores: Stores) -> None:
    await samples.put(stores.blobs)
    for job_id in ("succeeded", "failed"):
        await _pausing(stores.store, job_id)
    await stores.store.succeed("succeeded", 1, samples.publication(), NOW)
    await stores.store.fail("failed", 1, samples.LOSS, NOW)
    assert (await stores.store.get_job("succeeded")).state is State.SUCCEEDED
    assert (await stores.store.get_job("failed")).state is State.FAILED

"""What every store keeps to: jobs that have ended are retried, and deleted."""

from __future__ import annotations

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.events import StateChanged
from bessemer_server.domain.jobs import JobFilter
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.fix_database import Stores

NOW = samples.START


async def _fail(store: Store, job_id: str = "job-1", **fields: str) -> None:
    await samples.begin(store, job_id, **fields)
    await store.fail(job_id, 1, samples.LOSS, NOW)


async def test_a_retried_job_waits_without_failure_and_goes_on_from_its_checkpoint(stores: Stores) -> None:
    store = stores.store
    await samples.put(stores.blobs)
    await samples.begin(store)
    saved = await samples.commit(store)
    await store.fail("job-1", 1, samples.LOSS, NOW)
    job = await store.retry("job-1", samples.at(9))
    assert (job.state, job.failure, job.end_time, job.losses) == (State.QUEUED, None, None, 0)
    assert await store.get_job("job-1") == job
    assert [queued.id for queued in await store.queued_jobs(10, samples.START)] == ["job-1"]
    assert (await samples.start(store, now=samples.at(10))).number == 2
    assert await store.latest_checkpoint("job-1") == saved


async def test_events_keep_the_failure_of_a_retried_job_and_its_old_trainer_writes_no_more(
    store: Store,
) -> None:
    await _fail(store)
    await store.retry("job-1", samples.at(9))
    kinds = [event.kind for event in await store.events("job-1", 3, 10)]
    assert kinds == [
        StateChanged(State.FAILED, 1, samples.LOSS.message, failure=samples.LOSS),
        StateChanged(State.QUEUED, 1, "tried again on request"),
    ]
    with pytest.raises(errors.StaleAttempt, match="QUEUED"):
        await store.fail("job-1", 1, samples.LOSS, NOW)


async def test_a_cancelled_job_is_retried_and_again_changes_nothing(store: Store) -> None:
    await samples.create(store)
    await store.request_cancel("job-1", NOW)
    first = await store.retry("job-1", samples.at(1))
    assert first.state is State.QUEUED
    assert await store.retry("job-1", samples.at(2)) == first
    await samples.start(store)
    assert (await store.retry("job-1", samples.at(3))).state is State.STARTING


async def test_what_has_succeeded_or_is_paused_or_about_to_end_is_not_retried(stores: Stores) -> None:
    store = stores.store
    await samples.put(stores.blobs)
    for job_id in ("succeeded", "cancelling", "pausing"):
        await samples.begin(store, job_id)
    await store.succeed("succeeded", 1, samples.publication(), NOW)
    await store.request_cancel("cancelling", NOW)
    await store.request_pause("pausing", NOW)
    await samples.create(store, "paused")
    await store.request_pause("paused", NOW)
    for job_id, advice in [
        ("succeeded", "submit a new job"),
        ("cancelling", "when it is CANCELLED"),
        ("pausing", "resume this one when"),
        ("paused", "resume this one"),
    ]:
        before = await store.get_job(job_id)
        with pytest.raises(errors.FailedPrecondition, match=advice):
            await store.retry(job_id, NOW)
        assert await store.get_job(job_id) == before


async def test_a_job_whose_data_set_was_deleted_is_not_retried(store: Store) -> None:
    dataset = await samples.upload(store)
    await _fail(store, dataset_digest=dataset.digest)
    await store.delete_dataset(dataset.name)
    before = await store.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match="upload the same content again, then retry"):
        await store.retry("job-1", NOW)
    assert await store.get_job("job-1") == before
    await samples.upload(store)
    assert (await store.retry("job-1", NOW)).state is State.QUEUED
    with pytest.raises(errors.FailedPrecondition, match="job-1"):
        await store.delete_dataset(dataset.name)


async def test_a_deleted_job_is_gone_with_all_that_was_its_own(stores: Stores) -> None:
    store = stores.store
    await samples.put(stores.blobs)
    await samples.begin(store)
    await store.report("job-1", 1, [samples.epoch_metric(1)], samples.progress(3), NOW)
    await samples.commit(store)
    await store.fail("job-1", 1, samples.LOSS, NOW)
    await store.delete_job("job-1", samples.at(1))
    for read in [
        store.get_job("job-1"),
        store.events("job-1", 0, 10),
        store.list_metrics("job-1", [], 10, ""),
        store.list_checkpoints("job-1"),
        store.retry("job-1", NOW),
        store.report("job-1", 1, [], None, NOW),
    ]:
        with pytest.raises(errors.NotFound, match="job job-1 was deleted") as found:
            await read
        assert found.value.reason == "JOB_DELETED"
    assert (await store.list_jobs(JobFilter(), 10, "")).items == ()
    assert (await store.list_jobs(JobFilter(states=frozenset(State)), 10, "")).items == ()
    with pytest.raises(errors.Unauthenticated):
        await store.authenticate(f"token of job-1 at {NOW}")
    await store.delete_job("job-1", samples.at(2))


async def test_the_model_of_a_deleted_job_stays(stores: Stores) -> None:
    store = stores.store
    await samples.put(stores.blobs)
    await samples.begin(store)
    model = await store.succeed("job-1", 1, samples.publication(), NOW)
    await store.delete_job("job-1", NOW)
    assert await store.get_model(model.name, None) == model
    await samples.begin(store, "job-2")
    assert (await store.succeed("job-2", 1, samples.publication(), NOW)).version == 2


async def test_a_model_knows_the_data_set_that_was_uploaded_for_it(stores: Stores) -> None:
    await samples.put(stores.blobs)
    dataset = await samples.upload(stores.store)
    await samples.begin(stores.store, dataset_digest=dataset.digest)
    await stores.store.succeed("job-1", 1, samples.publication(), NOW)
    assert (await stores.store.get_model("digits", None)).dataset_digest == dataset.digest


async def test_the_request_id_of_a_deleted_job_makes_no_second_one(store: Store) -> None:
    await _fail(store, request_id="r", fingerprint="f")
    await store.delete_job("job-1", NOW)
    with pytest.raises(errors.NotFound, match="another request_id"):
        await samples.create(store, "job-2", request_id="r", fingerprint="f")
    with pytest.raises(errors.AlreadyExists):
        await samples.create(store, "job-2", request_id="r", fingerprint="g")
    assert (await store.list_jobs(JobFilter(), 10, "")).items == ()


@pytest.mark.parametrize(
    "state", [State.QUEUED, State.PAUSED, State.STARTING, State.PAUSING, State.CANCELLING]
)
async def test_a_job_that_has_not_ended_is_not_deleted(store: Store, state: State) -> None:
    await samples.create(store)
    if state.is_active:
        await samples.start(store)
    if state is State.CANCELLING:
        await store.request_cancel("job-1", NOW)
    if state in (State.PAUSED, State.PAUSING):
        await store.request_pause("job-1", NOW)
    before = await store.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match=f"{state}; cancel it first"):
        await store.delete_job("job-1", NOW)
    assert before.state is state
    assert await store.get_job("job-1") == before


async def test_deleting_one_job_leaves_the_others_whole(store: Store) -> None:
    await _fail(store, "job-1")
    await _fail(store, "job-2")
    before = await store.get_job("job-2"), await store.events("job-2", 0, 10)
    await store.delete_job("job-1", NOW)
    assert (await store.get_job("job-2"), await store.events("job-2", 0, 10)) == before


async def test_a_job_that_never_was_is_neither_retried_nor_deleted(store: Store) -> None:
    for call in (store.retry("x", NOW), store.delete_job("x", NOW)):
        with pytest.raises(errors.NotFound, match="no job 'x'"):
            await call

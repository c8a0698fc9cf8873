"""What every store keeps to: jobs that predict have a result and no model, and keep the model that they ask."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.events import CheckpointSaved, StateChanged
from bessemer_server.domain.jobs import ModelReference
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.fix_database import Stores

NOW = samples.at(10)
ASKED = ModelReference("asked", 1)
PARTS = (b"first", b"second", b"third")


async def publish(store: Store, job_id: str = "trained", name: str = "asked") -> None:
    await samples.begin(store, job_id, name=name)
    await store.succeed(job_id, 1, samples.empty_publication(), NOW)


async def predict(store: Store, job_id: str = "job-1", **fields: Any) -> None:
    """The first attempt of a prediction, RUNNING."""
    await samples.begin(store, job_id, asked_model=ASKED, **fields)


async def test_a_job_knows_which_model_it_asks(store: Store) -> None:
    await publish(store)
    await predict(store)
    job = await store.get_job("job-1")
    assert (job.asked_model, job.is_prediction) == (ASKED, True)
    assert not (await store.get_job("trained")).is_prediction


async def test_a_prediction_ends_with_its_result_as_the_only_checkpoint_and_publishes_nothing(
    stores: Stores,
) -> None:
    store = stores.store
    await publish(store)
    await samples.put(stores.blobs, *PARTS)
    await samples.put(stores.blobs)
    await predict(store)
    await samples.commit(store, step=1)
    await samples.commit(store, step=2)
    result = samples.manifest(3, *PARTS)
    await store.complete("job-1", 1, result, NOW)
    job = await store.get_job("job-1")
    assert (job.state, job.model, job.failure, job.end_time) == (State.SUCCEEDED, None, None, NOW)
    assert [saved.manifest for saved in await store.list_checkpoints("job-1")] == [result]
    saved, ended = (event.kind for event in (await store.events("job-1", 0, 100))[-2:])
    assert isinstance(saved, CheckpointSaved)
    assert ended == StateChanged(State.SUCCEEDED, 1)
    with pytest.raises(errors.NotFound):
        await store.get_model("digits", None)


async def test_a_result_is_told_once_however_often_it_is_sent(stores: Stores) -> None:
    store = stores.store
    await publish(store)
    await samples.put(stores.blobs)
    await predict(store)
    for _ in range(2):
        await store.complete("job-1", 1, samples.manifest(3), NOW)
    assert len(await store.events("job-1", 0, 100)) == (await store.get_job("job-1")).last_cursor
    assert [e.kind.state for e in await store.transitions("job-1") if isinstance(e.kind, StateChanged)] == [
        State.QUEUED,
        State.STARTING,
        State.RUNNING,
        State.SUCCEEDED,
    ]


async def test_a_result_whose_blobs_are_not_there_ends_nothing(store: Store) -> None:
    await publish(store)
    await predict(store)
    with pytest.raises(errors.FailedPrecondition) as refused:
        await store.complete("job-1", 1, samples.manifest(3, b"absent"), NOW)
    assert refused.value.reason == "MISSING_BLOB"
    assert (await store.get_job("job-1")).state is State.RUNNING
    assert await store.latest_checkpoint("job-1") is None


async def test_an_old_attempt_brings_no_result(stores: Stores) -> None:
    store = stores.store
    await publish(store)
    await samples.put(stores.blobs)
    await predict(store)
    await store.release("job-1", 1, samples.LOSS, True, NOW)
    with pytest.raises(errors.StaleAttempt):
        await store.complete("job-1", 1, samples.manifest(3), NOW)
    await samples.start(store, now=samples.at(11))
    with pytest.raises(errors.StaleAttempt):
        await store.complete("job-1", 1, samples.manifest(3), NOW)
    assert await store.latest_checkpoint("job-1") is None


async def test_a_result_is_kept_while_its_job_is_there_and_collected_with_it(stores: Stores) -> None:
    store = stores.store
    await publish(store)
    await samples.put(stores.blobs, *PARTS)
    await predict(store)
    await store.complete("job-1", 1, samples.manifest(3, *PARTS), NOW)
    late = samples.at(1e9)
    assert not (await store.collect_blobs("", 100, 100, late)).removed
    await store.delete_job("job-1", NOW)
    assert len((await store.collect_blobs("", 100, 100, late)).removed) == len(PARTS) + 1  # the manifest


async def test_a_model_is_kept_until_the_jobs_that_ask_it_have_ended(stores: Stores) -> None:
    store = stores.store
    await publish(store)
    await publish(store, "newer")
    await samples.put(stores.blobs)
    await samples.create(store, "job-1", asked_model=ASKED)
    for version in (1, None):
        with pytest.raises(
            errors.FailedPrecondition, match=r"job-1 \(digits, QUEUED\) predicts with asked@1"
        ) as refused:
            await store.delete_model("asked", version)
        assert refused.value.reason == "MODEL_IN_USE"
    assert await store.delete_model("asked", 2) == [2]
    attempt = await samples.start(store)
    with pytest.raises(errors.FailedPrecondition, match="STARTING"):
        await store.delete_model("asked", 1)
    await store.complete("job-1", attempt.number, samples.manifest(3), NOW)
    assert await store.delete_model("asked", None) == [1]
    assert (await store.get_job("job-1")).asked_model == ASKED
    assert await store.latest_checkpoint("job-1")


async def test_a_model_whose_name_another_one_begins_with_is_another_model(store: Store) -> None:
    await publish(store)
    await publish(store, "longer", "asked.1")
    await publish(store, "shorter", "ask")
    await predict(store)
    assert await store.delete_model("asked.1", None) == [1]
    assert await store.delete_model("ask", None) == [1]


async def test_a_job_with_a_model_that_is_gone_is_refused_new_and_again(store: Store) -> None:
    await publish(store)
    await publish(store, "newer")
    await predict(store)
    await store.fail("job-1", 1, samples.LOSS, NOW)
    await store.delete_model("asked", 1)
    with pytest.raises(errors.FailedPrecondition, match="the model asked@1 was deleted") as refused:
        await store.retry("job-1", NOW)
    assert refused.value.reason == "MODEL_GONE"
    assert (await store.get_job("job-1")).state is State.FAILED
    await store.delete_model("asked", None)
    with pytest.raises(errors.FailedPrecondition, match="the model asked@1 was deleted"):
        await samples.create(store, "job-2", asked_model=ASKED)
    with pytest.raises(errors.NotFound):
        await store.get_job("job-2")


async def test_whoever_deletes_a_model_and_asks_it_at_once_leaves_no_job_without_one(store: Store) -> None:
    for number in range(5):
        await publish(store, f"trained-{number}")
        asked = ModelReference("asked", number + 1)
        done = await asyncio.gather(
            samples.create(store, f"job-{number}", asked_model=asked),
            store.delete_model("asked", asked.version),
            return_exceptions=True,
        )
        assert len([each for each in done if isinstance(each, errors.FailedPrecondition)]) == 1

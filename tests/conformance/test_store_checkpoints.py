"""What every store keeps to: checkpoints and published models."""

from __future__ import annotations

import asyncio
import math

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Manifest, Retention
from bessemer_server.domain.events import CheckpointSaved, StateChanged
from bessemer_server.domain.jobs import ModelReference
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Model, TensorSpec
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.fix_database import Stores

NOW = samples.START


@pytest.fixture
async def ready(stores: Stores) -> Store:
    """A store with a running job and the blob that manifests name."""
    await samples.put(stores.blobs)
    await samples.begin(stores.store)
    return stores.store


async def steps(store: Store) -> list[int]:
    return [checkpoint.manifest.step for checkpoint in await store.list_checkpoints("job-1")]


async def publish(store: Store, job_id: str, name: str, age: float = 0) -> Model:
    await samples.begin(store, job_id, name=name)
    return await store.succeed(job_id, 1, samples.publication(), samples.at(age))


async def test_a_job_without_checkpoints_has_none(store: Store) -> None:
    await samples.create(store)
    assert await store.latest_checkpoint("job-1") is None
    assert await store.list_checkpoints("job-1") == []


async def test_a_checkpoint_comes_back_whole(ready: Store) -> None:
    saved = await ready.commit_checkpoint("job-1", 1, samples.manifest(10), Retention(2), samples.at(3))
    assert (saved.job_id, saved.attempt, saved.create_time) == ("job-1", 1, samples.at(3))
    assert saved.manifest == samples.manifest(10)
    assert await ready.latest_checkpoint("job-1") == saved
    assert await ready.list_checkpoints("job-1") == [saved]


async def test_a_checkpoint_is_told_and_renews_the_lease(ready: Store) -> None:
    saved = await ready.commit_checkpoint("job-1", 1, samples.manifest(10), Retention(2), samples.at(3))
    (event,) = await ready.events("job-1", 3, 10)
    assert (event.time, event.kind) == (samples.at(3), CheckpointSaved(saved))
    assert [attempt.lease_time for attempt in await ready.active_attempts()] == [samples.at(3)]


async def test_all_but_the_newest_checkpoints_are_removed(ready: Store) -> None:
    for step in range(10, 60, 10):
        await ready.commit_checkpoint("job-1", 1, samples.manifest(step), Retention(2), NOW)
    assert await steps(ready) == [40, 50]
    latest = await ready.latest_checkpoint("job-1")
    assert latest is not None
    assert latest.manifest == samples.manifest(50)
    await ready.commit_checkpoint("job-1", 1, samples.manifest(60), Retention(1), NOW)
    assert await steps(ready) == [60]


async def test_the_best_checkpoint_and_that_of_every_nth_epoch_stay(ready: Store) -> None:
    keep = Retention(1, best="val/loss", every=4)
    for epoch, loss in enumerate([0.4, 0.1, 0.3, 0.2, 0.1, 0.5], start=1):
        metrics = [samples.epoch_metric(epoch, loss), samples.epoch_metric(epoch, 9, "val/accuracy")]
        await ready.report("job-1", 1, metrics, samples.progress(10 * epoch), NOW)
        await ready.commit_checkpoint("job-1", 1, samples.manifest(10 * epoch), keep, NOW)
    await ready.commit_checkpoint("job-1", 1, samples.manifest(65), keep, NOW)
    assert await steps(ready) == [20, 40, 65]


async def test_the_checkpoints_of_other_jobs_stay(ready: Store) -> None:
    await samples.begin(ready, "job-2")
    await ready.commit_checkpoint("job-2", 1, samples.manifest(10), Retention(1), NOW)
    for step in (20, 30):
        await ready.commit_checkpoint("job-1", 1, samples.manifest(step), Retention(1), NOW)
    assert len(await ready.list_checkpoints("job-2")) == 1


async def test_a_step_that_is_committed_again_is_the_first_checkpoint(ready: Store) -> None:
    first = await ready.commit_checkpoint("job-1", 1, samples.manifest(10), Retention(2), samples.at(1))
    events = await ready.events("job-1", 0, 100)
    assert (
        await ready.commit_checkpoint("job-1", 1, samples.manifest(10), Retention(2), samples.at(2)) == first
    )
    assert await ready.list_checkpoints("job-1") == [first]
    assert await ready.events("job-1", 0, 100) == events
    assert [attempt.lease_time for attempt in await ready.active_attempts()] == [samples.at(2)]


async def test_a_checkpoint_without_its_blobs_is_refused_and_names_one(ready: Store) -> None:
    manifest = samples.manifest(10, samples.WEIGHTS, b"absent")
    before = await ready.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match=manifest.tensors[0].digests[1]):
        await ready.commit_checkpoint("job-1", 1, manifest, Retention(2), samples.at(9))
    assert await ready.list_checkpoints("job-1") == []
    assert await ready.get_job("job-1") == before
    assert [attempt.lease_time for attempt in await ready.active_attempts()] == [NOW]


async def test_a_blob_may_come_several_times_in_a_manifest_and_in_several_checkpoints(ready: Store) -> None:
    entry = samples.manifest(1, samples.WEIGHTS, samples.WEIGHTS).tensors[0]
    for step in (10, 20):
        await ready.commit_checkpoint("job-1", 1, Manifest(1, step, (entry, entry)), Retention(5), NOW)
    assert await steps(ready) == [10, 20]


async def test_a_checkpoint_may_hold_thousands_of_blobs(stores: Stores) -> None:
    parts = [n.to_bytes(2, "big") for n in range(3000)]
    await samples.put(stores.blobs, *parts)
    await samples.begin(stores.store)
    manifest = samples.manifest(10, *parts)
    assert (
        await stores.store.commit_checkpoint("job-1", 1, manifest, Retention(2), NOW)
    ).manifest == manifest


async def test_a_checkpoint_without_tensors_is_one(ready: Store) -> None:
    saved = await ready.commit_checkpoint("job-1", 1, Manifest(0, 1, ()), Retention(2), NOW)
    assert await ready.latest_checkpoint("job-1") == saved


async def test_success_publishes_a_model_with_all_that_belongs_to_it(ready: Store) -> None:
    test = Metric(Scope.TEST, "test/accuracy", 20, 2, 0.9)
    await ready.report("job-1", 1, [test, samples.epoch_metric(2, math.inf)], None, NOW)
    model = await ready.succeed("job-1", 1, samples.publication(), samples.at(8))
    job = await ready.get_job("job-1")
    assert model == Model(
        name="digits",
        version=1,
        job_id="job-1",
        architecture="mlp",
        dataset="digits",
        weights=samples.manifest(20),
        definition=samples.DEFINITION,
        metrics={"test/accuracy": 0.9, "val/loss": math.inf},
        parameters=10**10,
        effective_spec=job.effective_spec,
        create_time=samples.at(8),
    )
    assert await ready.get_model("digits", 1) == await ready.get_model("digits", None) == model
    assert model.inputs == (TensorSpec("features", "FP32", (-1, 4)),)
    assert (job.state, job.model, job.end_time) == (
        State.SUCCEEDED,
        ModelReference("digits", 1),
        samples.at(8),
    )
    last = (await ready.events("job-1", job.last_cursor - 1, 1))[0]
    assert last.kind == StateChanged(State.SUCCEEDED, 1, model=ModelReference("digits", 1))


async def test_success_again_is_the_same_model(ready: Store) -> None:
    model = await ready.succeed("job-1", 1, samples.publication(), samples.at(8))
    assert await ready.succeed("job-1", 1, samples.publication(), samples.at(9)) == model
    assert (await ready.list_models("digits", 10, "")).items == (model.listed,)


async def test_weights_without_their_blobs_are_not_published(store: Store) -> None:
    await samples.begin(store)
    before = await store.get_job("job-1")
    with pytest.raises(errors.FailedPrecondition, match=samples.manifest(1).tensors[0].digests[0]):
        await store.succeed("job-1", 1, samples.publication(), NOW)
    assert await store.get_job("job-1") == before
    assert (await store.list_models("", 10, "")).items == ()


async def test_versions_are_counted_for_each_name(stores: Stores) -> None:
    await samples.put(stores.blobs)
    made = [await publish(stores.store, f"job-{n}", name) for n, name in enumerate("aabab")]
    assert [(model.name, model.version) for model in made] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("a", 3),
        ("b", 2),
    ]
    assert await stores.store.get_model("a", None) == made[3]
    assert await stores.store.get_model("a", 2) == made[1]


async def test_jobs_of_one_name_that_succeed_at_once_get_different_versions(stores: Stores) -> None:
    await samples.put(stores.blobs)
    models = await asyncio.gather(*(publish(stores.store, f"job-{n}", "a") for n in range(10)))
    assert sorted(model.version for model in models) == list(range(1, 11))


async def test_an_unknown_model_is_not_found_and_near_names_are_told(stores: Stores) -> None:
    await samples.put(stores.blobs)
    with pytest.raises(errors.NotFound, match="there are none"):
        await stores.store.get_model("digits-cnn", None)
    await publish(stores.store, "job-1", "digits-cnn")
    with pytest.raises(errors.NotFound, match="did you mean digits-cnn"):
        await stores.store.get_model("digit-cnn", None)
    with pytest.raises(errors.NotFound, match="no version 2; its only version is 1"):
        await stores.store.get_model("digits-cnn", 2)


async def test_models_are_listed_by_name_in_their_newest_version(stores: Stores) -> None:
    await samples.put(stores.blobs)
    for n, name in enumerate(["b", "a", "b", "B", "c"]):
        await publish(stores.store, f"job-{n}", name)
    token, found = "", list[tuple[str, int]]()
    for _ in range(2):
        page = await stores.store.list_models("", 2, token)
        found += [(model.name, model.version) for model in page.items]
        token = page.next_token
    assert token == ""
    assert found == [("B", 1), ("a", 1), ("b", 2), ("c", 1)]


async def test_a_list_tells_of_models_what_they_tell_themselves(stores: Stores) -> None:
    await samples.put(stores.blobs)
    await publish(stores.store, "job-1", "a")
    model = await stores.store.get_model("a", 1)
    (listed,) = (await stores.store.list_models("", 1, "")).items
    (version,) = (await stores.store.list_models("a", 1, "")).items
    assert listed == version == model.listed
    assert (listed.labels, listed.inputs, listed.outputs) == (model.labels, model.inputs, model.outputs)
    assert set(listed.signature) <= {"labels", "inputs", "outputs"}


async def test_the_versions_of_one_model_are_listed_newest_first(stores: Stores) -> None:
    await samples.put(stores.blobs)
    for n, name in enumerate(["a", "a", "b", "a"]):
        await publish(stores.store, f"job-{n}", name)
    first = await stores.store.list_models("a", 2, "")
    second = await stores.store.list_models("a", 2, first.next_token)
    assert [model.version for model in (*first.items, *second.items)] == [3, 2, 1]
    assert second.next_token == ""
    assert (await stores.store.list_models("unknown", 2, "")).items == ()
    with pytest.raises(errors.InvalidArgument, match="page_token"):
        await stores.store.list_models("b", 2, first.next_token)

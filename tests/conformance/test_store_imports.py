"""Models that come from files rather than from jobs."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.models import Model, Origin, Publication
from bessemer_server.domain.ports import BlobStore, Store
from tests.conformance import samples
from tests.conformance.test_store_aliases import publish
from tests.conformance.test_store_collecting import collect

NOW = samples.at(10)
ORIGIN = Origin("mlp", "iris", "", {"test/accuracy": 0.9}, {"architecture": "mlp", "seed": 7})


def other(publication: Publication) -> Publication:
    """The same weights, read in another way."""
    return dataclasses.replace(publication, definition={**publication.definition, "labels": ["dog", "cat"]})


async def import_(store: Store, publication: Publication, name: str = "digits") -> Model:
    return await store.import_model(name, publication, ORIGIN, NOW)


async def test_an_imported_model_is_the_next_version_of_its_name(store: Store, blobs: BlobStore) -> None:
    await publish(store, "job-1", blobs=blobs)
    model = await import_(store, other(samples.publication()))
    assert (model.version, model.job_id, model.create_time) == (2, "", NOW)
    assert Origin(model.architecture, model.dataset, "", model.metrics, model.effective_spec) == ORIGIN
    assert await store.get_model("digits", None) == model
    assert [m.version for m in (await store.list_models("digits", 10, "")).items] == [2, 1]


async def test_the_newest_version_again_is_no_new_one(store: Store, blobs: BlobStore) -> None:
    await samples.put(blobs)
    first = await import_(store, samples.publication())
    assert await import_(store, samples.publication()) == first
    second = await import_(store, other(samples.publication()))
    assert (await import_(store, samples.publication())).version == 3
    assert (first.version, second.version) == (1, 2)


async def test_of_those_who_import_the_same_at_once_one_publishes(store: Store, blobs: BlobStore) -> None:
    await samples.put(blobs)
    found = await asyncio.gather(*(import_(store, samples.publication()) for _ in range(8)))
    assert {model.version for model in found} == {1}


async def test_weights_that_are_not_there_are_refused_and_publish_nothing(store: Store) -> None:
    with pytest.raises(errors.FailedPrecondition, match="not stored"):
        await import_(store, samples.publication())
    with pytest.raises(errors.NotFound):
        await store.get_model("digits", None)


async def test_its_weights_stay_as_long_as_it_does(store: Store, blobs: BlobStore) -> None:
    await samples.put(blobs)
    model = await import_(store, samples.publication())
    assert await collect(store) == set()
    await store.delete_model("digits", 1)
    assert await collect(store) == set(model.weights.digests())
    await samples.put(blobs)
    assert (await import_(store, samples.publication())).version == 2

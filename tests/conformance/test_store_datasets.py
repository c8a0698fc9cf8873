"""What every store keeps to with data sets that users uploaded."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.datasets import Content
from bessemer_server.domain.plans import DatasetInfo
from bessemer_server.domain.ports import Store
from tests.conformance import samples
from tests.fix_database import Stores

PIXELS, LABELS = b"\x01\x02\x03\x04", b"\x00\x01"


def content(name: str = "flowers", pixels: bytes = PIXELS) -> Content:
    info = DatasetInfo(name, "Two flowers.", "image", (1, 2, 1), ("rose", "tulip"), 2, 0, False)
    tensors = [("train/inputs", "uint8", (2, 1, 2, 1), pixels), ("train/labels", "int64", (2,), LABELS)]
    entries = [
        TensorEntry(name, dtype, shape, (hashlib.sha256(data).hexdigest(),), len(data))
        for name, dtype, shape, data in tensors
    ]
    return Content(info, 255.0, tuple(entries))


@pytest.fixture
async def store(stores: Stores) -> Store:
    await samples.put(stores.blobs, PIXELS, LABELS, b"other")
    return stores.store


async def test_an_uploaded_data_set_comes_back_as_it_was(store: Store) -> None:
    made = await store.create_dataset(content(), samples.at(1))
    assert (made.name, made.content, made.create_time) == ("flowers", content(), samples.at(1))
    assert await store.find_dataset(name="flowers") == made
    assert await store.find_dataset(digest=made.digest) == made
    assert await store.list_datasets() == [made]


async def test_nothing_is_found_under_another_name_or_digest_or_none(store: Store) -> None:
    await store.create_dataset(content(), samples.START)
    assert await store.find_dataset(name="flower") is None
    assert await store.find_dataset(digest="0") is None
    assert await store.find_dataset() is None


async def test_data_sets_are_listed_by_name(store: Store) -> None:
    for name in ("b", "a-1", "a"):
        await store.create_dataset(content(name), samples.START)
    assert [dataset.name for dataset in await store.list_datasets()] == ["a", "a-1", "b"]


async def test_the_same_content_again_is_the_first_one(store: Store) -> None:
    first = await store.create_dataset(content(), samples.at(1))
    assert await store.create_dataset(content(), samples.at(2)) == first
    assert len(await store.list_datasets()) == 1


async def test_other_content_under_the_same_name_is_refused_and_changes_nothing(store: Store) -> None:
    first = await store.create_dataset(content(), samples.START)
    for pixels in (b"other", b"not even stored"):
        with pytest.raises(errors.AlreadyExists, match=r"'flowers'.*delete it first, or choose another name"):
            await store.create_dataset(content(pixels=pixels), samples.START)
    assert await store.find_dataset(name="flowers") == first


async def test_a_data_set_whose_bytes_are_not_there_is_refused(store: Store) -> None:
    with pytest.raises(errors.FailedPrecondition):
        await store.create_dataset(content(pixels=b"nowhere"), samples.START)
    assert await store.list_datasets() == []


async def test_a_deleted_data_set_is_gone_and_its_name_free(store: Store) -> None:
    await store.create_dataset(content(), samples.START)
    await store.delete_dataset("flowers")
    assert await store.list_datasets() == []
    again = await store.create_dataset(content(pixels=b"other"), samples.START)
    assert await store.find_dataset(name="flowers") == again


async def test_deleting_what_is_not_there_names_the_nearest(store: Store) -> None:
    await store.create_dataset(content(), samples.START)
    with pytest.raises(errors.NotFound, match="did you mean flowers"):
        await store.delete_dataset("flower")


async def test_a_job_keeps_its_data_set_until_it_ends(store: Store) -> None:
    made = await store.create_dataset(content(), samples.START)
    job = await samples.create(store, dataset_digest=made.digest)
    assert (await store.get_job(job.id)).dataset_digest == made.digest
    with pytest.raises(errors.FailedPrecondition, match=r"job-1 \(digits, QUEUED\)"):
        await store.delete_dataset("flowers")
    attempt = await samples.start(store)
    with pytest.raises(errors.FailedPrecondition, match="STARTING"):
        await store.delete_dataset("flowers")
    await store.fail(job.id, attempt.number, samples.LOSS, samples.START)
    await store.delete_dataset("flowers")
    assert (await store.get_job(job.id)).dataset_digest == made.digest


async def test_a_job_keeps_what_it_is_validated_on_too(store: Store) -> None:
    made = await store.create_dataset(content(), samples.START)
    job = await samples.create(store, validation_digest=made.digest)
    assert (await store.get_job(job.id)).validation_digest == made.digest
    with pytest.raises(errors.FailedPrecondition, match=r"job-1 \(digits, QUEUED\)"):
        await store.delete_dataset("flowers")
    await store.request_cancel(job.id, samples.START)
    await store.delete_dataset("flowers")
    with pytest.raises(errors.FailedPrecondition, match="submit again"):
        await samples.create(store, "job-2", validation_digest=made.digest)


async def test_a_job_on_a_data_set_that_is_gone_is_refused(store: Store) -> None:
    made = await store.create_dataset(content(), samples.START)
    await store.delete_dataset("flowers")
    with pytest.raises(errors.FailedPrecondition, match="submit again"):
        await samples.create(store, dataset_digest=made.digest)
    with pytest.raises(errors.NotFound):
        await store.get_job("job-1")


async def test_the_same_request_is_the_same_job_after_its_data_set_has_gone(store: Store) -> None:
    made = await store.create_dataset(content(), samples.START)
    fields: Any = {"request_id": "once", "fingerprint": "f", "dataset_digest": made.digest}
    first = await samples.create(store, **fields)
    await store.request_cancel(first.id, samples.START)
    await store.delete_dataset("flowers")
    assert (await samples.create(store, "job-2", **fields)).id == first.id


def test_the_digest_is_of_everything() -> None:
    info = dataclasses.replace(content().info, description="Others.")
    changes = [
        content(),
        content("roses"),
        content(pixels=b"other"),
        dataclasses.replace(content(), info=info),
        dataclasses.replace(content(), scale=16.0),
    ]
    assert len({change.digest for change in changes}) == len(changes)
    assert content().digest == content().digest

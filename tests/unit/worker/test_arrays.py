"""Arrays to blobs and back, byte for byte."""

import hashlib

import numpy as np
import pytest

from bessemer_server.domain import checkpoints, tensors
from bessemer_server.worker import arrays


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array(7, dtype=np.int64),
        np.zeros((0, 3), dtype=np.float32),
        np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        np.random.default_rng(0).standard_normal(700_000).astype(np.float32),
    ],
    ids=["matrix", "scalar", "empty", "column-major", "larger than a blob"],
)
def test_an_array_survives_the_way_through_blobs(array):
    entries, blobs = arrays.Digester().digest({"w": array})
    assert all(len(data) <= checkpoints.BLOB_MAX_BYTES for data in blobs.values())
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in blobs.items())
    found = arrays.from_blobs(entries[0], [bytes(blobs[digest]) for digest in entries[0].digests])
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape, entries[0].size_bytes) == (array.dtype, array.shape, array.nbytes)
    found.flags.writeable = True


def test_equal_tensors_share_their_blobs():
    entries, blobs = arrays.Digester().digest({"a": np.ones(5, np.float32), "b": np.ones(5, np.float32)})
    assert entries[0].digests == entries[1].digests
    assert len(blobs) == 1


def test_an_array_that_was_seen_before_is_not_hashed_again_and_another_one_is(monkeypatch):
    hashed: list[str] = []
    describe = arrays._describe

    def note(name, array, parts):
        hashed.append(name)
        return describe(name, array, parts)

    monkeypatch.setattr(arrays, "_describe", note)
    digester = arrays.Digester()
    frozen, moving = np.ones(5, np.float32), np.zeros(5, np.float32)
    first = digester.digest({"frozen": frozen, "moving": moving})
    second = digester.digest({"frozen": frozen, "moving": moving.copy()})
    assert hashed == ["frozen", "moving", "moving"]
    assert first == second


@pytest.mark.parametrize("elements", [[b"gr\xc3\xa9at", b"", b"film"], [], [b"\0\0"]])
def test_strings_survive_the_way_through_a_tensor(elements):
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    tensor = arrays.to_tensor(array)
    assert (tensor.datatype, tensor.shape) == ("BYTES", (len(elements),))
    assert arrays.to_array(tensor).tolist() == elements


def test_texts_of_several_requests_share_a_batch():
    one, two = (tensors.Tensor("BYTES", (1,), tensors.pack_elements([text])) for text in (b"great", b"film"))
    assert arrays.to_array(tensors.join([one, two])).tolist() == [b"great", b"film"]


def test_a_tensor_that_grows_keeps_the_blobs_that_it_has_filled():
    digester = arrays.Digester()
    whole = np.random.default_rng(0).normal(size=(300_000, 3)).astype(np.float32)
    (before,), _ = digester.digest({"probabilities": whole[:200_000]})
    (after,), blobs = digester.digest({"probabilities": whole})
    assert before.digests[0] == after.digests[0]
    assert (len(before.digests), len(after.digests)) == (2, 2)
    assert set(after.digests) == set(blobs)
    assert after.shape == (300_000, 3)

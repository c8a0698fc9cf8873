"""From an upload to a source that trains."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from bessemer_server.data import sources, uploaded
from bessemer_server.worker import fetching, ingester
from tests.unit.data import pictures, upload_files

NOWHERE = sources.Folders(None, pathlib.Path("absent"))
TEXTS = {
    "good/1.txt": "Great – très bien!".encode(),
    "bad/1.txt": "Bad.".encode("utf-8-sig"),
    "good/2.txt": b"Fine.",
}


def load(tmp_path, files, format, **options):
    upload = upload_files.spool(tmp_path, files, format, **options)
    content = ingester.ingest(upload)
    return content, fetching.open_source(content, upload.output).load(NOWHERE)


def test_what_the_ingester_wrote_is_what_training_reads(tmp_path):
    x = np.random.default_rng(1).integers(0, 256, (6, 700, 600, 3), dtype=np.uint8)
    files = upload_files.save(x_train=x, y_train=[0, 1, 2] * 2, x_test=x[:3], y_test=[2, 1, 0])
    content, (train, test) = load(tmp_path, files, "NPZ")
    assert np.array_equal(train.inputs, x) and np.array_equal(test.inputs, x[:3])
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2] * 2, [2, 1, 0])
    assert content.size_bytes == 9 * 700 * 600 * 3 + 9 * 8
    assert len(content.tensors[0].digests) == 4  # 7.2 MiB in parts of 2 MiB


def test_texts_come_back_as_they_were(tmp_path):
    content, (train, test) = load(tmp_path, TEXTS, "TEXT_FOLDERS")
    assert (content.info.kind, content.info.labels, test) == ("text", ("bad", "good"), None)
    assert train.inputs.tolist() == ["Bad.", "Great – très bien!", "Fine."]
    assert train.labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(("content", "words"), [(b"\xff", "is not UTF-8"), (b" \n", "is empty")])
def test_a_faulty_text_is_named(tmp_path, content, words):
    with pytest.raises(Exception, match=rf"bad/2\.txt: {words}"):
        load(tmp_path, {**TEXTS, "bad/2.txt": content}, "TEXT_FOLDERS")


def test_the_same_upload_has_the_same_digest_and_another_option_another_one(tmp_path):
    files = {f"{label}/1.png": pictures.encode() for label in ("cat", "dog")}
    first, _ = load(tmp_path, files, "IMAGE_FOLDERS")
    again, _ = load(tmp_path, dict(reversed(files.items())), "IMAGE_FOLDERS")
    smaller, _ = load(tmp_path, files, "IMAGE_FOLDERS", size=[4, 4])
    assert first.digest == again.digest != smaller.digest
    assert first.info.description == "2 uploaded images of 2 classes."
    described, _ = load(tmp_path, files, "IMAGE_FOLDERS", description="My pets.")
    assert described.info.description == "My pets: 2 uploaded images of 2 classes."


def test_a_source_that_is_only_for_planning_says_so(tmp_path):
    content, _ = load(tmp_path, TEXTS, "TEXT_FOLDERS")
    with pytest.raises(TypeError, match="only the description of mine is here"):
        uploaded.make_source(content.info).load(NOWHERE)

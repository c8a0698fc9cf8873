"""Data sets that come as an archive: CIFAR-10 and IMDB."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from bessemer_server.data import archives, cifar10, imdb, sources
from tests.unit.data import mirrors

REAL = Path(os.environ.get("BESSEMER_DATASET_DIR", "absent"))
REVIEWS = {
    "aclImdb/README": "not a review",
    "aclImdb/train/neg/0_1.txt": "Awful.<br />",
    "aclImdb/train/pos/0_9.txt": "Gréat",
    "aclImdb/train/pos/1_8.txt": "Good",
    "aclImdb/train/unsup/0_0.txt": "Who knows",
    "aclImdb/test/neg/0_2.txt": "Bad",
    "aclImdb/test/pos/0_10.txt": "Fine",
}


def pack(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


def tiny(content: bytes, *addresses: str) -> sources.Source:
    """IMDB's source, for an archive of five reviews."""
    assert isinstance(imdb.IMDB.read, imdb.Reviews)
    archive = dataclasses.replace(
        imdb.IMDB.read.archive, mirrors=addresses, md5=hashlib.md5(content).hexdigest()
    )
    info = dataclasses.replace(imdb.IMDB.info, train_samples=3, test_samples=2)
    return sources.Source(info, imdb.Reviews(archive))


def check(loaded):
    train, test = loaded
    assert train.inputs.tolist() == ["Awful.<br />", "Gréat", "Good"]
    assert train.labels.tolist() == [0, 1, 1]
    assert test.inputs.tolist() == ["Bad", "Fine"]
    assert test.labels.tolist() == [0, 1]


def test_reviews_are_read_where_they_lie_unpacked(tmp_path):
    for name, content in REVIEWS.items():
        path = tmp_path / "sets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    check(tiny(b"").load(sources.Folders(tmp_path / "sets", tmp_path / "cache")))
    assert not (tmp_path / "cache").exists()


def test_an_archive_in_the_data_set_folder_is_unpacked_into_the_cache(tmp_path):
    content = pack(REVIEWS)
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/aclImdb_v1.tar.gz").write_bytes(content)
    check(tiny(content).load(sources.Folders(tmp_path / "sets", tmp_path / "cache")))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["aclImdb"]
    assert sorted(path.name for path in (tmp_path / "cache/aclImdb/train").iterdir()) == ["neg", "pos"]


def test_an_archive_that_is_not_there_is_downloaded_once(tmp_path):
    content = pack(REVIEWS)
    with mirrors.serve() as mirror:
        mirror.files["aclImdb_v1.tar.gz"] = content
        for _ in range(2):
            check(tiny(content, mirror.address).load(sources.Folders(None, tmp_path)))
        assert len(mirror.asked) == 1


def test_when_it_cannot_be_had_the_message_says_where_was_looked_and_what_to_do(tmp_path):
    with mirrors.serve() as mirror, pytest.raises(sources.InvalidData) as caught:
        tiny(b"", mirror.address).load(sources.Folders(tmp_path / "sets", tmp_path / "cache"))
    assert f"neither aclImdb nor aclImdb_v1.tar.gz is in {tmp_path / 'sets'}" in caught.value.message
    assert "404" in caught.value.message
    assert "--dataset-dir" in caught.value.next_step


def test_another_archive_than_the_published_one_is_not_unpacked(tmp_path):
    (tmp_path / "aclImdb_v1.tar.gz").write_bytes(pack({**REVIEWS, "aclImdb/train/pos/2_8.txt": "More"}))
    with pytest.raises(sources.InvalidData, match="is not the published file"):
        tiny(pack(REVIEWS)).load(sources.Folders(None, tmp_path))
    assert not (tmp_path / "aclImdb").exists()


@pytest.mark.parametrize(
    "content",
    [pack({"../out.txt": "x"}), b"no archive", pack(REVIEWS)[:-40]],
    ids=["escape", "words", "torn"],
)
def test_an_archive_that_is_damaged_or_reaches_out_of_its_folder_is_refused(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    archive = archives.Archive("a", "a.tar.gz", (), hashlib.md5(content).hexdigest())
    with pytest.raises(sources.InvalidData, match="cannot be unpacked"):
        archive.find(sources.Folders(None, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_reviews_that_are_no_utf_8_are_named(tmp_path):
    folder = tmp_path / "aclImdb/train/neg"
    folder.mkdir(parents=True)
    (folder / "0_1.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(sources.InvalidData, match="cannot be read"):
        tiny(b"").load(sources.Folders(tmp_path, tmp_path))


def test_too_few_reviews_are_refused(tmp_path):
    (tmp_path / "aclImdb/train/neg").mkdir(parents=True)
    with pytest.raises(sources.InvalidData, match=r"shape \(0,\), but should have \(3,\)"):
        tiny(b"").load(sources.Folders(tmp_path, tmp_path))


def write_batches(folder: Path, samples: int, names: tuple[str, ...]) -> None:
    folder.mkdir()
    for number, name in enumerate(names):
        pixels = np.arange(samples * 3072, dtype=np.int64).reshape(samples, 3072).astype(np.uint8) + number
        batch = {"data": pixels.astype(np.uint8), "labels": [number] * samples, "batch_label": "one"}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=3))


def test_cifar10_batches_are_joined_and_their_planes_become_channels(tmp_path):
    write_batches(tmp_path / "cifar-10-batches-py", 2, (*cifar10.TRAIN, cifar10.TEST))
    train, test = cifar10.read(sources.Folders(tmp_path, tmp_path))
    assert train.inputs.shape == (10, 32, 32, 3)
    assert train.inputs.dtype == np.uint8
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert train.inputs[0, 0, 1].tolist() == [1, 1, 1]
    assert train.inputs[0, 1, 0].tolist() == [32, 32, 32]
    assert test.labels.tolist() == [5, 5]


def test_cifar10_with_other_counts_is_refused(tmp_path):
    write_batches(tmp_path / "cifar-10-batches-py", 2, (*cifar10.TRAIN, cifar10.TEST))
    with pytest.raises(sources.InvalidData, match=r"should have \(50000, 32, 32, 3\)"):
        cifar10.CIFAR10.load(sources.Folders(tmp_path, tmp_path))


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, protocol=3),
        pickle.dumps({"data": np.zeros((1, 3072)), "labels": [1]}, protocol=3),
        pickle.dumps({"data": [], "labels": []}),
        pickle.dumps({"data": print, "labels": []}),
        pickle.dumps([1]),
    ],
)
def test_what_is_no_batch_is_refused_by_its_path(tmp_path, content):
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    with pytest.raises(sources.InvalidData) as caught:
        cifar10.read_batch(path)
    assert str(path) in caught.value.message


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(Malicious(tmp_path / "made"), protocol=3))
    with pytest.raises(sources.InvalidData, match="mkdir, which no array needs"):
        cifar10.read_batch(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(
    not (REAL / "cifar-10-batches-py").is_dir(), reason="BESSEMER_DATASET_DIR has no CIFAR-10"
)
def test_the_real_cifar10_is_what_its_description_says(tmp_path):
    train, _ = cifar10.CIFAR10.load(sources.Folders(REAL, tmp_path))
    assert train.labels[:5].tolist() == [6, 9, 9, 4, 1]


@pytest.mark.skipif(not (REAL / "aclImdb").is_dir(), reason="BESSEMER_DATASET_DIR has no IMDB")
def test_the_real_imdb_is_what_its_description_says(tmp_path):
    train, test = imdb.IMDB.load(sources.Folders(REAL, tmp_path))
    assert test is not None
    assert train.labels.sum() == test.labels.sum() == 12_500
    assert train.inputs[0].startswith("Story of a man who has unnatural feelings for a pig.")

"""Data sets that are found or downloaded."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from bessemer_server.data import idx, mnist, sources
from tests.unit.data import idx_files

REAL = Path(os.environ.get("BESSEMER_DATASET_DIR", "absent"))


@pytest.fixture
def mirror(tmp_path):
    """A folder, and the address that serves it."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def check(loaded):
    train, test = loaded
    assert train.inputs.shape == (6, 3, 2, 1)
    assert train.inputs.dtype == np.uint8
    assert train.inputs[1, 0, :, 0].tolist() == [6, 7]
    assert train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert train.labels.dtype == np.int64
    assert len(test) == 4


@pytest.mark.parametrize("unpacked", [False, True])
def test_files_in_the_data_set_folder_are_read_in_place(tmp_path, unpacked):
    idx_files.write(tmp_path / "sets/tiny/raw", unpacked=unpacked)
    check(idx_files.source().load(sources.Folders(tmp_path / "sets", tmp_path / "cache")))
    assert not (tmp_path / "cache").exists()


def test_what_is_not_there_is_downloaded_once(tmp_path, mirror):
    folder, address = mirror
    for name, content in idx_files.contents().items():
        (folder / name).write_bytes(content)
    folders = sources.Folders(tmp_path / "sets", tmp_path / "cache")
    source = idx_files.source(address)
    check(source.load(folders))
    for name in idx_files.contents():
        (folder / name).unlink()
    check(source.load(folders))
    assert sorted(p.name for p in (tmp_path / "cache/tiny/raw").iterdir()) == sorted(idx.FILES)


def test_a_mirror_with_other_bytes_is_passed_over_for_the_next(tmp_path, mirror):
    folder, address = mirror
    (folder / "bad").mkdir()
    (folder / "good").mkdir()
    for name, content in idx_files.contents().items():
        (folder / "bad" / name).write_bytes(content[:-1])
        (folder / "good" / name).write_bytes(content)
    source = idx_files.source(f"{address}missing/", f"{address}bad/", f"{address}good/")
    check(source.load(sources.Folders(None, tmp_path / "cache")))


def test_when_no_mirror_has_it_the_message_says_where_was_looked_and_what_each_answered(tmp_path, mirror):
    folder, address = mirror
    (folder / idx.FILES[0]).write_bytes(b"an error page")
    folders = sources.Folders(tmp_path / "sets", tmp_path / "cache")
    with pytest.raises(sources.InvalidData) as caught:
        idx_files.source(f"{address}missing/", address).load(folders)
    error = caught.value
    assert str(tmp_path / "sets/tiny/raw") in error.message
    assert str(tmp_path / "cache/tiny/raw") in error.message
    assert "404" in error.message
    assert "13 bytes with MD5" in error.message
    assert "--dataset-dir" in error.next_step
    assert not list((tmp_path / "cache/tiny/raw").iterdir()), "a torn download was left behind"


def test_only_web_addresses_are_fetched(tmp_path):
    idx_files.write(tmp_path / "elsewhere")
    with pytest.raises(sources.InvalidData, match="only http and https"):
        idx_files.source(f"{(tmp_path / 'elsewhere').as_uri()}/").load(
            sources.Folders(None, tmp_path / "cache")
        )


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-3], lambda b: b"", lambda b: b"no gzip", lambda b: b[:20] + b"x" + b[21:]]
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, damage):
    idx_files.write(tmp_path / "sets/tiny/raw")
    path = tmp_path / "sets/tiny/raw" / idx.FILES[2]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(sources.InvalidData) as caught:
        idx_files.source().load(sources.Folders(tmp_path / "sets", tmp_path / "cache"))
    assert str(path) in caught.value.message
    assert f"remove {path}" in caught.value.next_step


def test_a_header_that_promises_more_than_there_is_does_not_fit(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx_files.encode(np.zeros((2, 3, 2), np.uint8))[:-1])
    with pytest.raises(sources.InvalidData, match="do not fit"):
        idx.parse(path)


def test_files_of_another_size_than_the_data_set_are_refused(tmp_path):
    idx_files.write(tmp_path / "sets/tiny/raw")
    raw = tmp_path / "sets/tiny/raw"
    shutil.copy(raw / idx.FILES[2], raw / idx.FILES[0])
    shutil.copy(raw / idx.FILES[3], raw / idx.FILES[1])
    with pytest.raises(sources.InvalidData, match=r"\(4, 3, 2, 1\), but should have \(6, 3, 2, 1\)"):
        idx_files.source().load(sources.Folders(tmp_path / "sets", tmp_path / "cache"))


def test_labels_that_no_class_has_are_refused(tmp_path):
    raw = tmp_path / "sets/tiny/raw"
    idx_files.write(raw, unpacked=True)
    (raw / "train-labels-idx1-ubyte").write_bytes(idx_files.encode(np.full(6, 7, np.uint8)))
    with pytest.raises(sources.InvalidData, match="labels outside 0 to 1"):
        idx_files.source().load(sources.Folders(tmp_path / "sets", tmp_path / "cache"))


@pytest.mark.skipif(not (REAL / "MNIST/raw").is_dir(), reason="BESSEMER_DATASET_DIR has no MNIST")
def test_the_real_mnist_is_what_its_description_says(tmp_path):
    train, test = mnist.MNIST.load(sources.Folders(REAL, tmp_path))
    assert test is not None
    assert (train.inputs.shape, test.inputs.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert train.inputs.max() == 255
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]

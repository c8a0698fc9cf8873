"""Folders, archives, files and arrays to the messages of an upload."""

import io
import pathlib
import tarfile
import zipfile
from typing import Any

import numpy as np
import pytest

import bessemer
from bessemer import uploads
from bessemer.v1 import datasets_pb2 as pb

NAMES = ["flowers/cat/1.png", "flowers/dog/1.png", "__MACOSX/flowers/x", "flowers/.DS_Store"]


def send(source, **options):
    """The header, and the content of each file by its path."""
    first, *rest = uploads.build("flowers", source, **options)
    files: dict[str, bytes] = {}
    for request in rest:
        assert len(request.chunk.data) <= 1 << 20
        path = request.chunk.path or next(reversed(files))
        files[path] = files.get(path, b"") + request.chunk.data
    return first.header, files


def make_folder(root: pathlib.Path, names: list[str]) -> pathlib.Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_a_folder_is_sent_by_relative_paths_without_what_file_managers_leave(tmp_path):
    header, files = send(make_folder(tmp_path, ["cat/1.png", "dog/1.png", "cat/.DS_Store", "dog/Thumbs.db"]))
    assert header.format == pb.UploadHeader.IMAGE_FOLDERS
    assert files == {"cat/1.png": b"cat/1.png", "dog/1.png": b"dog/1.png"}


def test_a_folder_of_txt_files_is_one_of_texts(tmp_path):
    header, files = send(str(make_folder(tmp_path, ["good/1.txt", "bad/2.TXT"])))
    assert header.format == pb.UploadHeader.TEXT_FOLDERS
    assert set(files) == {"good/1.txt", "bad/2.TXT"}


def test_a_zip_is_sent_as_the_folder_in_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "flowers.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(name, name)
    header, files = send(tmp_path / "flowers.zip")
    assert header.format == pb.UploadHeader.IMAGE_FOLDERS
    assert files == {"cat/1.png": b"flowers/cat/1.png", "dog/1.png": b"flowers/dog/1.png"}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.xz"])
def test_a_tar_is_sent_as_the_folder_in_it(tmp_path, suffix):
    path = tmp_path / f"flowers.{suffix}"
    mode: Any = f"w:{'gz' if suffix == 'tgz' else suffix.partition('.')[2]}"
    with tarfile.open(path, mode) as archive:
        for name in NAMES:
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    _, files = send(path)
    assert files == {"cat/1.png": b"flowers/cat/1.png", "dog/1.png": b"flowers/dog/1.png"}


def test_an_archive_of_one_class_keeps_its_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("cat/1.png", "x")
    assert list(send(tmp_path / "one.zip")[1]) == ["cat/1.png"]


def test_a_large_file_goes_in_pieces_and_an_empty_one_goes_too(tmp_path):
    large = bytes(range(256)) * 10_000
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "large.png").write_bytes(large)
    (tmp_path / "a" / "none.png").write_bytes(b"")
    assert send(tmp_path)[1] == {"a/large.png": large, "a/none.png": b""}


def test_arrays_are_sent_as_an_archive_of_numpy():
    header, files = send((np.eye(3), ["a", "b", "a"]), labels=["a", "b"], description="Three.")
    assert (header.format, list(header.labels), header.description) == (
        pb.UploadHeader.NPZ,
        ["a", "b"],
        "Three.",
    )
    with np.load(io.BytesIO(files["arrays.npz"])) as arrays:
        assert arrays["x"].tolist() == np.eye(3).tolist()
        assert arrays["y"].tolist() == ["a", "b", "a"]


def test_a_table_is_sent_as_it_is_with_its_options(tmp_path):
    (tmp_path / "My.CSV").write_text("a,b\n")
    header, files = send(tmp_path / "My.CSV", label="b")
    assert (header.format, header.label_column) == (pb.UploadHeader.CSV, "b")
    assert files == {"My.CSV": b"a,b\n"}


@pytest.mark.parametrize(
    ("source", "options", "field", "words"),
    [
        ("nowhere", {}, "source", "there is no file or folder nowhere"),
        (7, {}, "source", "must be a path, or arrays"),
        ((1, 2, 3), {}, "source", "must be a path, or arrays"),
        ({"z": [1]}, {}, "source", "has z; arrays are named x and y"),
        (([[1, 2], [3]], [0, 1]), {}, "x", "its samples differ in shape"),
        ((np.array([{}]), [0]), {}, "x", "holds Python objects"),
        (([[1]], [0]), {"size": 7}, "size", "(64, 64)"),
        (([[1]], [0]), {"labels": "ab"}, "labels", "must be a list of names"),
        (([[1]], [0]), {"label": 7}, "label", "must be a string"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(source, options, field, words):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        send(source, **options)
    assert refused.value.violations[0].field == field
    assert words in refused.value.violations[0].description


def test_empty_folders_are_named(tmp_path):
    make_folder(tmp_path, ["cat/1.png"])
    (tmp_path / "dog").mkdir()
    with pytest.raises(bessemer.InvalidArgument, match="dog: is an empty folder"):
        send(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("a.doc", "must be a folder, a .csv"), ("a.zip", "archive"), ("a.tar", "archive")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(bessemer.InvalidArgument, match=words):
        send(tmp_path / name)


def test_an_empty_folder_or_archive_is_refused(tmp_path):
    with pytest.raises(bessemer.InvalidArgument, match="is empty"):
        send(tmp_path)
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    with pytest.raises(bessemer.InvalidArgument, match="is empty"):
        send(tmp_path / "a.zip")

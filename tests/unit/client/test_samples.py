"""Files that `bessemer predict` is given."""

import numpy as np
import pytest

from bessemer import errors
from bessemer.cli import samples


def test_rows_of_a_table_are_samples(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("5.1, 3.5\n\n6,-1e-3\n")
    assert samples.read(file) == [[5.1, 3.5], [6.0, -0.001]]


def test_an_array_is_read_as_it_was_saved(tmp_path):
    file = tmp_path / "images.npy"
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    np.save(file, images)
    np.testing.assert_array_equal(samples.read(file), images)


def test_anything_else_is_left_to_be_a_picture(tmp_path):
    assert samples.read(tmp_path / "photo.jpeg") == tmp_path / "photo.jpeg"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("head.csv", b"length,width\n1,2\n", "line 1: 'length' is no number; .* without a header"),
        ("ragged.csv", b"1,2\n3,4\n5\n", "line 3 has 1 values, but the first has 2"),
        ("empty.csv", b"\n", "is empty"),
        ("bytes.csv", b"\xff\xfe1", "is no number"),
        ("empty.npy", b"", "no array of numbers"),
        ("text.npy", b"hello", "no array of numbers"),
        (
            "cut.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }",
            "cut short",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[-4:] else "",
)
def test_what_cannot_be_read_is_refused_with_the_place(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.InvalidArgument, match=words):
        samples.read(tmp_path / name)


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(errors.InvalidArgument, match="no array of numbers"):
        samples.read(tmp_path / "objects.npy")


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(errors.InvalidArgument, match="No such file"):
        samples.read(tmp_path / "missing.npy")


def test_each_line_of_a_text_file_is_a_text(tmp_path):
    file = tmp_path / "reviews.txt"
    file.write_bytes("\ufeffGréat film.\r\n\nBad\n".encode())
    assert samples.read(file) == ["Gréat film.", "Bad"]


@pytest.mark.parametrize(("content", "words"), [(b"\n \n", "is empty"), (b"a\xff", "is not UTF-8")])
def test_a_text_file_without_texts_is_refused(tmp_path, content, words):
    file = tmp_path / "reviews.txt"
    file.write_bytes(content)
    with pytest.raises(errors.InvalidArgument, match=words):
        samples.read(file)

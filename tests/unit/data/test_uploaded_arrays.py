"""NumPy archives: what is read from sound ones, and what is said of the others."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from bessemer_server.data.uploads import contract
from bessemer_server.domain import errors
from tests.unit.data import upload_files

Y = [0, 1, 0, 1]


@pytest.fixture
def parse(tmp_path):
    def parse_arrays(options=None, **arrays):
        return upload_files.parse(tmp_path, upload_files.save(**arrays), "NPZ", **(options or {}))

    return parse_arrays


@pytest.fixture
def parse_bytes(tmp_path):
    return lambda content: upload_files.parse(tmp_path, {"a.npz": content}, "NPZ")


def write_member(name: str, header: bytes, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in (name, "y"):
            content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data
            archive.writestr(f"{member}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (np.full((4, 5, 6), 9, np.uint8), (5, 6, 1)),
        (np.full((4, 5, 6, 3), 9, np.int64), (5, 6, 3)),
        (np.full((4, 5, 6, 1), 9.0), (5, 6, 1)),
    ],
)
def test_whole_numbers_of_three_or_four_axes_are_images(parse, x, shape):
    parsed = parse(x=x, y=Y)
    assert (parsed.kind, parsed.shape, parsed.scale) == ("image", shape, 255)
    assert parsed.train.inputs.dtype == np.uint8
    assert (parsed.train.inputs == 9).all()


def test_two_axes_are_a_table_of_32_bit_floats(parse):
    parsed = parse(x=np.asfortranarray(np.arange(8).reshape(4, 2)), y=Y)
    assert (parsed.kind, parsed.shape, parsed.scale) == ("table", (2,), None)
    assert parsed.train.inputs.dtype == np.float32
    assert parsed.train.inputs[1].tolist() == [2, 3]


def test_four_arrays_bring_a_test_split(parse):
    x = np.arange(8.0).reshape(4, 2)
    parsed = parse(x_train=x, y_train=Y, x_test=x[:2], y_test=[1, 1])
    assert parsed.test is not None
    assert parsed.test.labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("y", "labels", "indices"),
    [
        ([3, -1, 3, 10], ("-1", "3", "10"), [1, 0, 1, 2]),
        (["b", "a", "b", "a"], ("a", "b"), [1, 0, 1, 0]),
        ([[1], [0], [1], [0]], ("0", "1"), [1, 0, 1, 0]),
        ([1.0, 0.0, 1.0, 0.0], ("0", "1"), [1, 0, 1, 0]),
        ([True, False, True, False], ("0", "1"), [1, 0, 1, 0]),
    ],
)
def test_labels_are_numbers_or_words(parse, y, labels, indices):
    parsed = parse(x=np.zeros((4, 2)), y=y)
    assert parsed.labels == labels
    assert parsed.train.labels.tolist() == indices


def test_given_names_may_name_classes_that_do_not_occur(parse):
    parsed = parse({"labels": ("a", "b", "c")}, x=np.zeros((4, 2)), y=Y)
    assert parsed.labels == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arrays", "item", "words"),
    [
        ({"x": np.zeros((4, 2)), "y": [0, 1, 0]}, "y", "has 3 labels, but x has 4 samples"),
        ({"x": np.zeros(4), "y": Y}, "x", "has shape (4,); images are"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "x", "with N at least 1"),
        ({"x": np.zeros((4, 5, 5, 2), np.uint8), "y": Y}, "x", "has 2 channels"),
        ({"x": np.full((4, 5, 5), 256), "y": Y}, "x", "has pixels from 256 to 256; they must be from 0 to 255"),
        ({"x": np.full((4, 5, 5), -1), "y": Y}, "x", "from -1 to -1"),
        ({"x": np.full((4, 5, 5), 0.5), "y": Y}, "x", "holds fractions"),
        ({"x": np.full((4, 5, 5), np.nan), "y": Y}, "x", "holds fractions"),
        ({"x": [[1, 2], [3, np.nan], [np.inf, 0], [1, 1]], "y": Y}, "x", "2 rows with numbers that are not finite in 32 bits, the first is row 1, feature 1: nan"),
        ({"x": np.full((4, 2), 1e39), "y": Y}, "x", "not finite in 32 bits"),
        ({"x": np.full((4, 2), "a"), "y": Y}, "x", "holds texts; upload those as a CSV file with a header"),
        ({"x": ["a", "b", "c", "d"], "y": Y}, "x", "or a folder of class folders"),
        ({"x": np.full((4, 2), 1j), "y": Y}, "x", "holds complex128; it must hold numbers"),
        ({"x": np.zeros((4, 2)), "y": np.eye(4)}, "y", "labels are [N], whole numbers or strings"),
        ({"x": np.zeros((4, 2)), "y": [0.5, 1, 0, 1]}, "y", "labels are [N]"),
        ({"x": np.zeros((4, 2)), "y": [1, 1, 1, 1]}, "source", "has only the class '1'"),
        ({"x": np.zeros((4, 2))}, "arrays.npz", "lacks y"),
        ({"x_train": np.zeros((4, 2)), "y_train": Y, "x_test": np.zeros((4, 2))}, "arrays.npz", "lacks y_test"),
        ({"x_train": np.zeros((4, 2)), "y_train": Y, "x_test": np.zeros((4, 3)), "y_test": Y}, "x_test", "has samples of shape (3,), but x_train has (2,)"),
    ],
)  # fmt: skip
def test_a_faulty_array_is_named_with_what_is_wrong(parse, arrays, item, words):
    with pytest.raises(errors.InvalidArgument) as refused:
        parse(**arrays)
    assert item in [violation.field for violation in refused.value.violations]
    assert words in refused.value.message


@pytest.mark.parametrize("label", [2, -1])
def test_labels_out_of_range_of_the_given_names_are_named_by_their_place(parse, label):
    with pytest.raises(errors.InvalidArgument, match=rf"y\[2\]: the label '{label}' is out of range"):
        parse({"labels": ("a", "b")}, x=np.zeros((4, 2)), y=[0, 1, label, 1])


def test_pickled_objects_are_refused_and_never_opened(parse_bytes, tmp_path):
    mark = tmp_path / "opened"

    class Mark:
        def __reduce__(self):
            return mark.touch, ()

    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    with pytest.raises(errors.InvalidArgument, match="holds Python objects"):
        parse_bytes(write_member("x", header, pickle.dumps([Mark()])))
    assert not mark.exists()


def test_a_head_that_claims_more_than_there_is_reserves_nothing(parse_bytes):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000), }\n"
    with pytest.raises(errors.InvalidArgument, match="is cut off"):
        parse_bytes(write_member("x", header, b"12345678"))


def test_an_archive_that_would_grow_too_large_is_refused_before_it_is_read(parse, monkeypatch):
    monkeypatch.setattr(contract, "MAX_DECODED_BYTES", 10_000)
    with pytest.raises(errors.ResourceExhausted, match="upload fewer samples"):
        parse(x=np.zeros((4, 1000)), y=Y)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing of the kind"])
def test_what_is_no_archive_is_refused(parse_bytes, content):
    with pytest.raises(errors.InvalidArgument, match=r"a\.npz: is no sound \.npz file"):
        parse_bytes(content)

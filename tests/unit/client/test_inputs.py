"""What users hold to the tensor that a model takes."""

import io
import math
import pathlib

import numpy as np
import pytest
import tritonclient.utils as triton_utils
from PIL import Image

from bessemer import errors, inputs

GREY = ("UINT8", (-1, 8, 8, 1))
COLOUR = ("UINT8", (-1, 8, 8, 3))
TABLE = ("FP32", (-1, 4))
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)


def encode(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS[..., None],
        PIXELS[None],
        PIXELS[None, ..., None],
        PIXELS.tolist(),
        PIXELS.astype(float),
        Image.fromarray(PIXELS),
        [Image.fromarray(PIXELS)],
        encode(PIXELS),
        [encode(PIXELS)],
    ],
    ids=[
        "HW",
        "HWC",
        "NHW",
        "NHWC",
        "lists",
        "whole floats",
        "picture",
        "pictures",
        "bytes",
        "list of bytes",
    ],
)
def test_every_form_of_a_grey_image_is_the_same_tensor(given):
    tensor = inputs.prepare(given, *GREY)
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(tensor, PIXELS[None, ..., None])


def test_a_file_is_read_by_its_path(tmp_path):
    file = tmp_path / "digit.png"
    file.write_bytes(encode(PIXELS))
    for given in (file, str(file), [file, str(file)]):
        assert inputs.prepare(given, *GREY).shape[1:] == (8, 8, 1)


def test_a_batch_of_colour_images_keeps_its_order():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(inputs.prepare(images, *COLOUR), images)
    np.testing.assert_array_equal(inputs.prepare(list(images), *COLOUR), images)


@pytest.mark.parametrize(
    "given", [[1, 2, 3, 4], [[1, 2, 3, 4]], np.ones((3, 4)), np.ones((3, 4), dtype=np.int64)]
)
def test_rows_of_a_table_become_32_bit_floats(given):
    tensor = inputs.prepare(given, *TABLE)
    assert tensor.dtype == np.float32
    assert tensor.shape == (np.atleast_2d(np.asarray(given)).shape[0], 4)


@pytest.mark.parametrize(
    ("given", "signature", "words"),
    [
        (PIXELS / 64, GREY, "raw pixels, whole numbers from 0 to 255"),
        (PIXELS.astype(int) - 1, GREY, "from -1 to 62"),
        (PIXELS.astype(int) * 5, GREY, "from 0 to 315"),
        (
            np.zeros((9, 8)),
            GREY,
            r"\[N, 8, 8, 1\] or \[8, 8, 1\] or \[N, 8, 8\] or \[8, 8\], but this has \[9, 8\]",
        ),
        (np.zeros((1, 3, 8, 8)), COLOUR, r"\[N, 8, 8, 3\] or \[8, 8, 3\], but this has \[1, 3, 8, 8\]"),
        (np.zeros((0, 8, 8, 1)), GREY, r"\[0, 8, 8, 1\]"),
        ([[1, 2], [3]], TABLE, "differ in shape"),
        (np.zeros((2, 5)), TABLE, r"4 features, shape \[N, 4\] or \[4\], but this has \[2, 5\]"),
        ([["a", "b", "c", "d"]], TABLE, "must be numbers, but holds strings"),
        ("/no/such/file.png", GREY, "there is no file /no/such/file.png"),
        (b"not a picture", GREY, "no picture can be read from these bytes"),
        (Image.new("L", (9, 8)), GREY, r"but this has \[8, 9, 1\]"),
        ("word", TABLE, "4 features, .* not pictures or files"),
        ([[1, 2, math.nan, 4]], TABLE, "sample 0 has nan as feature 2"),
        ([[1, 2, 3, 4], [1, 1e300, 3, 4]], TABLE, r"sample 1 has 1e\+300 as feature 1"),
        (np.full((8, 8), np.nan), GREY, "whole numbers"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(given, signature, words):
    with pytest.raises(errors.InvalidArgument, match=words) as refused:
        inputs.prepare(given, *signature)
    assert refused.value.violations[0].field == "inputs"


def test_large_inputs_go_in_several_requests_in_order():
    array = np.arange(10_000 * 300, dtype=np.float32).reshape(10_000, 300)
    parts = inputs.split(array)
    assert len(parts) > 1
    assert max(part.nbytes for part in parts) <= inputs.PREFERRED_BYTES
    assert max(len(part) for part in inputs.split(np.zeros((10_000, 1), np.uint8))) <= 4096
    np.testing.assert_array_equal(np.concatenate(parts), array)


TEXTS = ("BYTES", (-1,))


@pytest.mark.parametrize(
    ("given", "strings"),
    [
        ("great film", ["great film"]),
        (["great", "film"], ["great", "film"]),
        (("gréat",), ["gréat"]),
        (np.array(["great", "film"]), ["great", "film"]),
        (np.array(["great", "film"], dtype=object), ["great", "film"]),
        (np.array("great"), ["great"]),
    ],
)
def test_every_form_of_texts_becomes_strings(given, strings):
    assert inputs.prepare(given, *TEXTS).tolist() == strings


def test_texts_are_framed_as_the_protocol_wants_them():
    array = inputs.prepare(["gréat", "film"], *TEXTS)
    expected = np.array(["gréat", "film"], dtype=object)
    assert inputs.encode(array) == triton_utils.serialize_byte_tensor(expected).item()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "a string or a list of strings"),
        (3, "a string or a list of strings"),
        (b"great", "not files or bytes"),
        (pathlib.Path("review.txt"), "not files or bytes"),
        (["great", 3], "text 1 is int: 3"),
        ([["great"]], "text 0 is list"),
        (["great", " "], "text 1 is empty"),
        ("", "text 0 is empty"),
        ("\ud800", "half a surrogate pair"),
    ],
)
def test_what_is_no_text_is_refused(given, words):
    with pytest.raises(errors.InvalidArgument, match=words) as refused:
        inputs.prepare(given, *TEXTS)
    assert refused.value.violations[0].field == "inputs"


def test_many_texts_go_in_several_requests_in_order():
    array = inputs.prepare(
        ["ab" * 500_000, "é" * 1_500_000, *("short" for _ in range(9_000)), "x" * 9_000_000], *TEXTS
    )
    parts = inputs.split(array)
    assert np.concatenate(parts).tolist() == array.tolist()
    assert [len(part) for part in parts] == [4096, 4096, 810, 1]
    assert [len(inputs.encode(part)) <= inputs.PREFERRED_BYTES for part in parts] == [True, True, True, False]

"""Folders of pictures: what is read from sound ones, and what is said of the others."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bessemer_server.data import pictures as decoding
from bessemer_server.data.uploads import contract
from bessemer_server.domain import errors
from tests.unit.data import pictures, upload_files

TWO = {"cat/1.png": pictures.encode(), "dog/1.png": pictures.encode(value=3)}


def claim(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose head says that it is of this size."""

    def piece(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = piece(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + piece(b"IDAT", zlib.compress(b"\0")) + piece(b"IEND", b"")


@pytest.fixture
def parse(tmp_path):
    return lambda files, **options: upload_files.parse(tmp_path, files, "IMAGE_FOLDERS", **options)


def test_the_folder_is_the_label_and_pixels_are_as_in_the_file(parse):
    parsed = parse(TWO)
    assert (parsed.kind, parsed.shape, parsed.labels, parsed.scale) == (
        "image",
        (8, 8, 3),
        ("cat", "dog"),
        255,
    )
    assert parsed.train.labels.tolist() == [0, 1]
    assert parsed.train.inputs[1, 0, :3, 0].tolist() == [0, 3, 6]
    assert parsed.test is None


def test_grey_pictures_have_one_channel_and_one_coloured_makes_three(parse):
    grey = {path: pictures.encode(mode="L") for path in TWO}
    assert parse(grey).shape == (8, 8, 1)
    assert parse({**grey, "dog/2.png": pictures.encode()}).shape == (8, 8, 3)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_every_usual_format_is_read(parse, format):
    content = pictures.encode(format=format)
    assert parse({"a/1": content, "b/1": content}).train.inputs.shape == (2, 8, 8, 3)


def test_the_order_of_files_makes_no_difference(parse):
    other = dict(reversed(TWO.items()))
    assert np.array_equal(parse(TWO).train.inputs, parse(other).train.inputs)


def test_pictures_of_differing_size_become_224_and_the_description_says_so(parse):
    parsed = parse({**TWO, "dog/2.png": pictures.encode(9, 30)})
    assert parsed.shape == (224, 224, 3)
    assert "of other sizes, each scaled to fill 224×224 (bilinear), its centre kept" in parsed.description


def test_a_size_is_filled_from_the_centre(parse):
    wide = pictures.encode(4, 8)
    parsed = parse({"a/1.png": wide, "b/1.png": wide}, size=(4, 4))
    assert parsed.train.inputs[0, 0, :, 0].tolist() == [14, 21, 28, 35]


@pytest.mark.parametrize("held", ["val", "test", "valid", "validation"])
def test_train_and_another_folder_above_are_the_split(parse, held):
    files = {f"{split}/{path}": content for split in ("train", held) for path, content in TWO.items()}
    parsed = parse(files)
    assert parsed.labels == ("cat", "dog")
    assert (len(parsed.train.labels), len(parsed.test.labels)) == (2, 2)


def test_with_three_splits_the_validation_folder_is_trained_on(parse):
    files = {f"{split}/{path}": c for split in ("train", "val", "test") for path, c in TWO.items()}
    parsed = parse(files)
    assert (len(parsed.train.labels), len(parsed.test.labels)) == (4, 2)
    assert "validation folder is part of the training samples" in parsed.description


@pytest.mark.parametrize(
    ("files", "item", "words"),
    [
        ({"cat/2.png": b"no picture"}, "cat/2.png", "is no picture that can be read"),
        ({"cat/2.png": b""}, "cat/2.png", "is no picture that can be read"),
        ({"cat/2.png": pictures.encode(64, 64)[:100]}, "cat/2.png", "is no picture that can be read"),
        ({"cat/2.png": claim(100_000, 100_000)}, "cat/2.png", "pixels"),
        ({"cat/2.png": claim(9_000, 9_000)}, "cat/2.png", "has 9000×9000 pixels, but at most 64,000,000"),
        ({"cat/2.png": pictures.encode(mode="I;16")}, "cat/2.png", "more than 8 bits"),
        ({"loose.png": pictures.encode()}, "loose.png", "lies in no class folder"),
    ],
)
def test_a_faulty_picture_is_named_with_what_is_wrong(parse, files, item, words):
    with pytest.raises(errors.InvalidArgument) as refused:
        parse({**TWO, **files})
    assert [violation.field for violation in refused.value.violations] == [item]
    assert words in refused.value.violations[0].description


def test_a_picture_that_is_transparent_in_parts_is_refused(parse):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, 4), 100, np.uint8)).save(file, "PNG")
    with pytest.raises(errors.InvalidArgument, match=r"cat/2\.png: is transparent in parts"):
        parse({**TWO, "cat/2.png": file.getvalue()})


def test_all_faulty_pictures_are_named_at_once_and_more_are_counted(parse):
    with pytest.raises(errors.InvalidArgument) as refused:
        parse({**TWO, **{f"cat/bad{n:02}.png": b"?" for n in range(30)}})
    found = refused.value.violations
    assert [violation.field for violation in found[:3]] == ["cat/bad00.png", "cat/bad01.png", "cat/bad02.png"]
    assert len(found) == 12
    assert found[-1].description == "this and 18 more are wrong too"


def test_one_class_alone_is_refused(parse):
    with pytest.raises(errors.InvalidArgument, match=r"only the class folder 'cat'; at least two"):
        parse({"cat/1.png": pictures.encode()})


def test_a_class_that_is_only_in_the_test_folder_is_refused(parse):
    files = {f"train/{path}": content for path, content in TWO.items()}
    with pytest.raises(
        errors.InvalidArgument, match=r"the class 'cow' has test samples, but none to train on"
    ):
        parse({**files, "test/cow/1.png": pictures.encode()})


def test_what_would_not_fit_into_memory_is_refused_before_it_is_decoded(parse, monkeypatch):
    monkeypatch.setattr(contract, "MAX_DECODED_BYTES", 2 * 8 * 8 * 3 - 1)
    with pytest.raises(errors.ResourceExhausted, match=re.escape("give a smaller `size`")):
        parse(TWO)


def test_decoders_that_start_programs_are_not_among_the_formats():
    assert not {"EPS", "PDF", "WMF"} & set(decoding.FORMATS)

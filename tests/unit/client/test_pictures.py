"""Picture files to pixels: what is only a matter of saving is converted, what would lose more is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from bessemer import errors, pictures

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, GREY.T, 255 - GREY], axis=-1)


def save(picture, kind="PNG"):
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA"])
def test_a_grey_picture_is_the_same_however_it_was_saved(mode):
    saved = save(Image.fromarray(GREY).convert(mode))
    np.testing.assert_array_equal(pictures.decode(saved, 1), GREY[..., None])


def test_a_palette_is_looked_up():
    picture = Image.fromarray(COLOUR).quantize(256)
    np.testing.assert_array_equal(pictures.decode(save(picture), 3), np.asarray(picture.convert("RGB")))


def test_black_and_white_are_0_and_255():
    assert set(np.unique(pictures.decode(Image.fromarray(GREY > 100), 1))) == {0, 255}


def test_a_grey_picture_has_three_equal_channels_where_colour_is_wanted():
    np.testing.assert_array_equal(
        pictures.decode(save(Image.fromarray(GREY)), 3), np.stack([GREY] * 3, axis=-1)
    )


def test_16_bits_are_refused():
    with pytest.raises(errors.InvalidArgument, match="more than 8 bits"):
        pictures.decode(save(Image.fromarray(GREY.astype(np.uint16) * 256)), 1)


def test_a_transparent_picture_is_refused():
    clear = Image.fromarray(COLOUR).convert("RGBA")
    clear.putpixel((3, 3), (0, 0, 0, 128))
    with pytest.raises(errors.InvalidArgument, match="transparent in parts"):
        pictures.decode(save(clear), 3)


def test_a_file_that_is_cut_short_is_named(tmp_path):
    file = tmp_path / "cut.png"
    file.write_bytes(
        save(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)))[:900]
    )
    with pytest.raises(errors.InvalidArgument, match=r"cut\.png: it is broken"):
        pictures.decode(file, 1)


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(errors.InvalidArgument, match="is a folder"):
        pictures.decode(str(tmp_path), 1)


def test_a_sketch_is_fuller_where_a_picture_is_brighter():
    picture = np.zeros((4, 8, 1), np.uint8)
    picture[:2, 4:] = 255
    assert pictures.sketch(picture, width=8) == "    @@@@\n"
    assert pictures.sketch(picture, width=80).splitlines()[0] == " " * 8 + "@" * 8

"""Picture files, which may be broken or hostile, to pixels. H height, W width, C channels."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

T = TypeVar("T")

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow knows more, some of which start programs."""
MAX_PIXELS = 64_000_000
"""Of one picture, checked before it is decoded: a file of a few bytes may claim any size."""
WHITE = 255
GREY = frozenset({"1", "L", "LA"})


class Faulty(Exception):
    """What is wrong with a picture."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What the head of a file says."""

    height: int
    width: int
    is_grey: bool


def attempt(work: Callable[..., T], *arguments: Any) -> T | Faulty:
    """What `work` returns, or `Faulty`: a decoder may raise anything at all for a file that is broken on purpose."""
    try:
        return work(*arguments)
    except Faulty as fault:
        return fault
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Faulty(f"has more than {MAX_PIXELS:,} pixels; make it smaller")
    except Exception:
        return Faulty(
            f"is no picture that can be read; it must be a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file"
        )


def look(content: bytes) -> Look:
    """Size and kind, without decoding. Raises."""
    picture = _open(content)
    if picture.mode[0] in "IF":
        raise Faulty("has more than 8 bits for each pixel and channel; save it with 8")
    return Look(picture.height, picture.width, picture.mode in GREY)


def decode(content: bytes, target: npt.NDArray[np.uint8]) -> None:
    """Fill `target`, uint8 [H, W, C], with the picture, scaled to fill it, its centre kept. Raises."""
    picture = _open(content)
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema()[0] != 255:
        raise Faulty("is transparent in parts; save it with a background")
    _fit(picture, target)


def scale(pixels: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> None:
    """The same from pixels, uint8 [h, w, c] with 1 or 3 channels."""
    _fit(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), target)


def round_off(values: npt.NDArray[np.float32], target: npt.NDArray[np.uint8]) -> None:
    """The same from float32 [h, w, c] on the scale of uint8, 0 to 255. Raises."""
    least, most = values.min(), values.max()
    if not 0 <= least <= most <= WHITE:  # nor is that true of NaN
        raise Faulty(
            f"has values from {least:g} to {most:g}; pixels are numbers from 0 to {WHITE}, as in UINT8, not standardised"
        )
    if 0 < most <= 1:
        raise Faulty(
            f"has no value above 1; pixels are numbers from 0 to {WHITE}, as in UINT8: multiply by {WHITE}"
        )
    scale(np.rint(values).astype(np.uint8), target)


def _open(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content), formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise Faulty(
            f"has {picture.width}×{picture.height} pixels, but at most {MAX_PIXELS:,} are taken; make it smaller"
        )
    return picture


def _fit(picture: Image.Image, target: npt.NDArray[np.uint8]) -> None:
    height, width, channels = target.shape
    converted = picture.convert("L" if channels == 1 else "RGB")
    if converted.size != (width, height):
        # Bilinear, with support for as many pixels as become one: no aliasing.
        converted = ImageOps.fit(converted, (width, height), Image.Resampling.BILINEAR)
    target[:] = np.asarray(converted, dtype=np.uint8).reshape(target.shape)

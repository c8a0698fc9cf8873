"""Image files, their bytes, and PIL images to arrays of pixels."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bessemer import errors

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {1: "L", 3: "RGB"}
"""How PIL names 8-bit pixels with that many channels."""


def is_picture(value: Any) -> bool:
    """Whether `value` is a PIL image; known without importing PIL."""
    return hasattr(value, "getbands") and hasattr(value, "convert")


def decode(source: Any, channels: int) -> npt.NDArray[np.uint8]:
    """Pixels [H, W, C] of a PIL image, or of the file with this path or these bytes.

    A palette, black and white, or colour where the model wants grey are matters of how a picture was saved: they are
    converted. Raises `InvalidArgument` for what would lose more than that.
    """
    name = _name(source)
    if is_picture(source):
        return _to_pixels(source, channels, name)
    try:
        from PIL import Image
    except ImportError:
        raise errors.BessemerError('reading image files needs Pillow: pip install "bessemer[plot]"') from None
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            return _to_pixels(picture, channels, name)
    except FileNotFoundError:
        raise refuse(f"there is no file {name}") from None
    except IsADirectoryError:
        raise refuse(f"{name} is a folder; name the files in it") from None
    except PermissionError:
        raise refuse(f"{name} may not be read by you") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # PIL's for broken files
        raise refuse(f"no picture can be read from {name}: it is broken, or of another kind") from None


def save(pixels: npt.NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write pixels [H, W, C] as a picture of the kind that the path's ending says. Raises `InvalidArgument`."""
    try:
        from PIL import Image
    except ImportError:
        raise errors.BessemerError('writing image files needs Pillow: pip install "bessemer[plot]"') from None
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    try:
        picture.save(path)
    except ValueError:
        raise refuse(f"{os.fspath(path)} should end in .png, .jpg or the like") from None
    except OSError as error:
        raise refuse(f"{os.fspath(path)} cannot be written: {error.strerror or error}") from None


def _name(source: Any) -> str:
    if is_picture(source):
        return "this picture"
    return "these bytes" if isinstance(source, bytes) else os.fspath(source)


def _to_pixels(picture: Image, channels: int, name: str) -> npt.NDArray[np.uint8]:
    if picture.mode[0] in "IF":
        raise refuse(f"{name} has more than 8 bits for each pixel and channel; save it with 8")
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema()[0] != 255:
        raise refuse(f"{name} is transparent in parts; save it with a background")
    pixels = np.asarray(picture.convert(MODES[channels]), dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


def refuse(description: str) -> errors.InvalidArgument:
    """The error for inputs that do not fit."""
    return errors.InvalidArgument(violations=(errors.Violation("inputs", description),))

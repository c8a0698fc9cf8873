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

SHADES = " .:-=+*#%@"
"""From black to white."""


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


def sketch(pixels: npt.NDArray[np.uint8], *, width: int = 76) -> str:
    """Pixels [H, W, C] in characters, at most `width` a line; the brighter, the fuller. A character is two as high as wide."""
    grey = pixels.astype(np.float64).mean(axis=2)
    columns = min(width, grey.shape[1] * 2)
    rows = max(1, round(grey.shape[0] / grey.shape[1] * columns / 2))
    small = _average(_average(grey, rows).T, columns).T
    levels = np.round(small / 255 * (len(SHADES) - 1)).astype(int)
    return "\n".join("".join(SHADES[level] for level in line).rstrip() for line in levels)


def _average(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Means over `count` parts of the first axis, as even as can be; a part has one row at least."""
    edges = np.linspace(0, len(values), count + 1)
    starts = np.minimum(edges[:-1].astype(int), len(values) - 1)
    ends = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
    return np.stack([values[a:b].mean(axis=0) for a, b in zip(starts, ends, strict=True)])


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

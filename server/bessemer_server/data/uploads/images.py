"""Folders of pictures. Shapes: N pictures, H height, W width, C channels."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from bessemer_server.data.uploads import folders
from bessemer_server.data.uploads.contract import Entry, Files, Options, Parsed, Split, check_size
from bessemer_server.data.uploads.faults import Faults

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow knows more, some of which start programs."""
MAX_PIXELS = 64_000_000
"""Of one picture, checked before it is decoded: a file of a few bytes may claim any size."""
USUAL_SIZE = (224, 224)
GREY = frozenset({"1", "L", "LA"})


class Faulty(Exception):
    """What is wrong with a picture."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What the head of a file says."""

    height: int
    width: int
    is_grey: bool


def read(files: Files, options: Options) -> Parsed:
    """Decode every picture to one size. Raises `errors.InvalidArgument` with each that is faulty."""
    faults = Faults()
    groups = folders.group(files.entries, faults)
    with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        looks = {
            entry.path: look
            for entry, look in zip(
                files.entries, pool.map(lambda e: _try(_look, files.read(e)), files.entries), strict=True
            )
        }
        sound = [look for look in looks.values() if isinstance(look, _Look)]
        size = options.size or _common_size(sound)
        channels = 1 if all(look.is_grey for look in sound) else 3
        check_size(len(sound) * size[0] * size[1] * channels, "upload fewer images, or give a smaller `size`")

        def decode(group: folders.Group) -> Split:
            pixels = np.zeros((len(group.entries), *size, channels), np.uint8)

            def fill(item: tuple[int, Entry]) -> tuple[Entry, Any]:
                position, entry = item
                look = looks[entry.path]
                return entry, look if isinstance(look, Faulty) else _try(
                    _decode, files.read(entry), pixels[position]
                )

            for entry, outcome in pool.map(fill, enumerate(group.entries)):
                if isinstance(outcome, Faulty):
                    faults.add(entry.path, str(outcome))
            return Split(pixels, group.labels)

        train = decode(groups.train)
        test = decode(groups.test) if groups.test else None
    faults.raise_any()
    return Parsed(
        "image", (*size, channels), groups.names, train, test, 255.0, _describe(sound, size, groups)
    )


def _try(work: Any, *arguments: Any) -> Any:
    """What `work` returns, or `Faulty`: a decoder may raise anything at all for a file that is broken on purpose."""
    try:
        return work(*arguments)
    except Faulty as fault:
        return fault
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Faulty(f"has more than {MAX_PIXELS:,} pixels; make it smaller")
    except Exception:
        return Faulty(
            f"no picture can be read from it; it must be a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file"
        )


def _open(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content), formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise Faulty(
            f"has {picture.width}×{picture.height} pixels, but at most {MAX_PIXELS:,} are taken; make it smaller"
        )
    return picture


def _look(content: bytes) -> _Look:
    picture = _open(content)
    if picture.mode[0] in "IF":
        raise Faulty("has more than 8 bits for each pixel and channel; save it with 8")
    return _Look(picture.height, picture.width, picture.mode in GREY)


def _decode(content: bytes, target: npt.NDArray[np.uint8]) -> None:
    height, width, channels = target.shape
    picture = _open(content)
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema()[0] != 255:
        raise Faulty("is transparent in parts; save it with a background")
    converted = picture.convert("L" if channels == 1 else "RGB")
    if converted.size != (width, height):
        # Bilinear, with support for as many pixels as become one: no aliasing.
        converted = ImageOps.fit(converted, (width, height), Image.Resampling.BILINEAR)
    target[:] = np.asarray(converted, dtype=np.uint8).reshape(target.shape)


def _common_size(looks: list[_Look]) -> tuple[int, int]:
    sizes = {(look.height, look.width) for look in looks}
    return sizes.pop() if len(sizes) == 1 else USUAL_SIZE


def _describe(looks: list[_Look], size: tuple[int, int], groups: folders.Groups) -> str:
    words = [f"{len(looks):,} uploaded images of {len(groups.names)} classes"]
    if any((look.height, look.width) != size for look in looks):
        words.append(f"of other sizes, each scaled to fill {size[0]}×{size[1]} (bilinear), its centre kept")
    if groups.note:
        words.append(groups.note)
    return ", ".join(words)

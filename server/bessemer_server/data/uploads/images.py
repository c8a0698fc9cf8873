"""Folders of pictures. Shapes: N pictures, H height, W width, C channels."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import numpy as np

from bessemer_server.data import pictures
from bessemer_server.data.pictures import Faulty, Look
from bessemer_server.data.uploads import folders
from bessemer_server.data.uploads.contract import Entry, Files, Options, Parsed, Split, check_size
from bessemer_server.data.uploads.faults import Faults
from bessemer_server.domain import processors

USUAL_SIZE = (224, 224)


def read(files: Files, options: Options) -> Parsed:
    """Decode every picture to one size. Raises `errors.InvalidArgument` with each that is faulty."""
    faults = Faults()
    groups = folders.group(files.entries, faults)
    with concurrent.futures.ThreadPoolExecutor(min(8, processors.count())) as pool:
        looks = {
            entry.path: look
            for entry, look in zip(
                files.entries,
                pool.map(lambda e: pictures.attempt(pictures.look, files.read(e)), files.entries),
                strict=True,
            )
        }
        sound = [look for look in looks.values() if isinstance(look, Look)]
        size = options.size or _common_size(sound)
        channels = 1 if all(look.is_grey for look in sound) else 3
        check_size(len(sound) * size[0] * size[1] * channels, "upload fewer images, or give a smaller `size`")

        def decode(group: folders.Group) -> Split:
            pixels = np.zeros((len(group.entries), *size, channels), np.uint8)

            def fill(item: tuple[int, Entry]) -> tuple[Entry, Any]:
                position, entry = item
                look = looks[entry.path]
                return entry, look if isinstance(look, Faulty) else pictures.attempt(
                    pictures.decode, files.read(entry), pixels[position]
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


def _common_size(looks: list[Look]) -> tuple[int, int]:
    sizes = {(look.height, look.width) for look in looks}
    return sizes.pop() if len(sizes) == 1 else USUAL_SIZE


def _describe(looks: list[Look], size: tuple[int, int], groups: folders.Groups) -> str:
    words = [f"{len(looks):,} uploaded images of {len(groups.names)} classes"]
    if any((look.height, look.width) != size for look in looks):
        words.append(f"of other sizes, each scaled to fill {size[0]}×{size[1]} (bilinear), its centre kept")
    if groups.note:
        words.append(groups.note)
    return ", ".join(words)

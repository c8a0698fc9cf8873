"""Tiny data sets in MNIST's format."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np

from bessemer_server.data import idx, sources
from bessemer_server.domain import plans

INFO = plans.DatasetInfo("tiny", "", "image", (3, 2, 1), ("no", "yes"), 6, 4, False)


def encode(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def contents() -> dict[str, bytes]:
    """The four files, gzipped."""
    arrays: list[np.ndarray] = []
    for count in (6, 4):
        arrays.append(np.arange(count * 6, dtype=np.uint8).reshape(count, 3, 2))
        arrays.append(np.arange(count, dtype=np.uint8) % 2)
    return {
        name: gzip.compress(encode(array), mtime=0) for name, array in zip(idx.FILES, arrays, strict=True)
    }


def write(folder: Path, *, unpacked: bool = False) -> None:
    """Put the files into `folder`."""
    folder.mkdir(parents=True)
    for name, content in contents().items():
        path = folder / (name.removesuffix(".gz") if unpacked else name)
        path.write_bytes(gzip.decompress(content) if unpacked else content)


def source(*mirrors: str) -> sources.Source:
    """The tiny data set, from these mirrors."""
    md5 = [hashlib.md5(content).hexdigest() for content in contents().values()]
    return sources.Source(INFO, idx.IdxFiles("tiny/raw", mirrors, md5), scale=255)

"""Data sets in the IDX format of MNIST: four files, found in torchvision's layout or downloaded.

Format: two zero bytes, type (8: uint8), number of dimensions, each as a big-endian uint32, then the values.
"""

from __future__ import annotations

import dataclasses
import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bessemer_server.data import downloads, sources

UINT8 = 8
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclasses.dataclass(frozen=True, slots=True)
class IdxFiles:
    """Where the four files of one data set are. Calling it reads them, as `sources.Source.read` does."""

    folder: str
    """Below a data set folder, e.g. `MNIST/raw`: torchvision's layout."""
    mirrors: Sequence[str]
    """Addresses that file names are appended to."""
    md5: Sequence[str]
    """Digests of `FILES`, in that order."""

    def __call__(self, folders: sources.Folders) -> tuple[sources.Samples, sources.Samples]:
        """Training and test samples; images uint8 [N, height, width, 1]. Raises `sources.InvalidData`."""
        paths = [self._find(folders, *file) for file in zip(FILES, self.md5, strict=True)]
        train_images, train_labels, test_images, test_labels = map(parse, paths)
        return _samples(train_images, train_labels), _samples(test_images, test_labels)

    def _find(self, folders: sources.Folders, name: str, md5: str) -> Path:
        roots = [root for root in (folders.dataset_dir, folders.cache_dir) if root is not None]
        for root in roots:
            # torchvision keeps both the archive and what was in it.
            for candidate in (root / self.folder / name, root / self.folder / name.removesuffix(".gz")):
                if candidate.is_file():
                    return candidate
        target = folders.cache_dir / self.folder / name
        try:
            downloads.fetch(self.mirrors, md5, target)
        except downloads.DownloadFailed as error:
            looked = " or ".join(str(root / self.folder) for root in roots)
            raise sources.InvalidData(
                f"{name} is not in {looked}, and could not be downloaded ({error})",
                f"let the service reach {self.mirrors[0]}, or put {', '.join(FILES)} into "
                f"{self.folder} below the folder that the server has as --dataset-dir",
            ) from error
        return target


def parse(path: Path) -> npt.NDArray[np.uint8]:
    """The array in an IDX file, gzipped or not. Raises `sources.InvalidData`."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
        start = 4 + 4 * rank
        if (zeros, kind) != (0, UINT8) or len(content) - start != math.prod(shape):
            raise ValueError(f"{len(content):,} bytes do not fit a header of type {kind} and shape {shape}")
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise sources.InvalidData(
            f"{path} is not a whole IDX file: {error}", f"remove {path}, so that it is fetched again"
        ) from error
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _samples(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> sources.Samples:
    return sources.Samples(images[..., None], labels.astype(np.int64))

"""CIFAR-10: 60,000 small colour photographs.

The published batches are Python pickles. A pickle can call whatever it names, so these are read by an unpickler that
knows nothing but what builds an array.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bessemer_server.data import archives, sources
from bessemer_server.domain import plans

ARCHIVE = archives.Archive(  # torchvision's address and digest
    folder="cifar-10-batches-py",
    file="cifar-10-python.tar.gz",
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    md5="c58f30108f718f92721af3b95e74349a",
)
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"


def read(folders: sources.Folders) -> tuple[sources.Samples, sources.Samples]:
    """Training and test samples; images uint8 [N, 32, 32, 3]. Raises `sources.InvalidData`."""
    folder = ARCHIVE.find(folders)
    batches = [read_batch(folder / name) for name in TRAIN]
    train = sources.Samples(
        np.concatenate([batch.inputs for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
    )
    return train, read_batch(folder / TEST)


def read_batch(path: Path) -> sources.Samples:
    """One of the published batches. Raises `sources.InvalidData`."""
    try:
        batch = _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        pixels, labels = batch["data"], np.array(batch["labels"], np.int64)
        if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3 * 32 * 32):
            raise ValueError(
                f"it holds {pixels.dtype} values of shape {pixels.shape} for {len(labels)} labels"
            )
    # Damaged bytes make an unpickler raise whatever it likes.
    except Exception as error:
        raise sources.InvalidData(
            f"{path} is not a whole batch of CIFAR-10: {error}",
            f"remove the folder {path.parent}, so that it is fetched again",
        ) from error
    planes = pixels.reshape(-1, 3, 32, 32)
    return sources.Samples(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


class _ArrayUnpickler(pickle.Unpickler):
    """Builds numbers, strings, lists, dicts and NumPy arrays, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        reconstruct: Callable[..., Any] = np.empty(0).__reduce__()[0]  # type: ignore[assignment]
        known = {
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no array needs")
        return known[module, name]


CIFAR10 = sources.Source(
    plans.DatasetInfo(
        name="cifar10",
        description="Photographs of animals and vehicles, 32×32 in colour, values from 0 to 255 (Krizhevsky, 2009).",
        kind="image",
        shape=(32, 32, 3),
        labels=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        train_samples=50_000,
        test_samples=10_000,
        bundled=False,
    ),
    read,
    scale=255,
)

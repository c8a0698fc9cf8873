"""NumPy arrays to and from the tensors and blobs that cross between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from bessemer_server.domain import checkpoints, tensors

def to_array(tensor: tensors.Tensor) -> np.ndarray:
    """A read-only view of the tensor's bytes."""
    return np.frombuffer(tensor.data, dtype=tensors.NUMPY_NAMES[tensor.datatype]).reshape(tensor.shape)


def to_tensor(array: np.ndarray) -> tensors.Tensor:
    """The array's values as a tensor."""
    array = np.ascontiguousarray(array)
    return tensors.Tensor(tensors.DATATYPES[array.dtype.name], array.shape, array.tobytes())


def to_blobs(
    arrays: Mapping[str, np.ndarray],
) -> tuple[tuple[checkpoints.TensorEntry, ...], dict[str, memoryview]]:
    """Manifest entries of the arrays, and their bytes by digest, in parts of at most `BLOB_MAX_BYTES`."""
    entries, blobs = [], {}
    for name, array in arrays.items():
        # A copy of rank 0 is contiguous too, but ascontiguousarray would make it rank 1.
        data = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8)).cast("B")
        parts = [data[i : i + checkpoints.BLOB_MAX_BYTES] for i in range(0, len(data), checkpoints.BLOB_MAX_BYTES)]
        digests = tuple(hashlib.sha256(part).hexdigest() for part in parts)
        blobs.update(zip(digests, parts, strict=True))
        entries.append(checkpoints.TensorEntry(name, array.dtype.name, array.shape, digests, len(data)))
    return tuple(entries), blobs


def from_blobs(entry: checkpoints.TensorEntry, parts: Iterable[bytes]) -> np.ndarray:
    """The array whose blobs, in order, are `parts`; writable."""
    return np.frombuffer(bytearray(b"".join(parts)), dtype=entry.dtype).reshape(entry.shape)

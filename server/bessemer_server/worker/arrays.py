"""NumPy arrays to and from the tensors and blobs that cross between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.domain import checkpoints, tensors

Array = npt.NDArray[Any]


def to_array(tensor: tensors.Tensor) -> Array:
    """A read-only view of the tensor's bytes; for BYTES, an array of `bytes`."""
    if tensor.datatype == "BYTES":
        return np.array([*tensors.unpack_elements(tensor.data), None], dtype=object)[:-1].reshape(
            tensor.shape
        )
    return np.frombuffer(tensor.data, dtype=tensors.NUMPY_NAMES[tensor.datatype]).reshape(tensor.shape)


def to_tensor(array: Array) -> tensors.Tensor:
    """The array's values as a tensor; an array of `bytes` becomes BYTES."""
    if array.dtype == object:
        return tensors.Tensor("BYTES", array.shape, tensors.pack_elements(array.flat))
    array = np.ascontiguousarray(array)
    return tensors.Tensor(tensors.DATATYPES[array.dtype.name], array.shape, array.tobytes())


def to_blobs(
    arrays: Mapping[str, Array],
) -> tuple[tuple[checkpoints.TensorEntry, ...], dict[str, memoryview]]:
    """Manifest entries of the arrays, and their bytes by digest, in parts of at most `BLOB_MAX_BYTES`."""
    entries: list[checkpoints.TensorEntry] = []
    blobs: dict[str, memoryview] = {}
    for name, array in arrays.items():
        data = memoryview(array.tobytes())
        parts = [
            data[i : i + checkpoints.BLOB_MAX_BYTES] for i in range(0, len(data), checkpoints.BLOB_MAX_BYTES)
        ]
        digests = tuple(hashlib.sha256(part).hexdigest() for part in parts)
        blobs.update(zip(digests, parts, strict=True))
        entries.append(checkpoints.TensorEntry(name, array.dtype.name, array.shape, digests, len(data)))
    return tuple(entries), blobs


def from_blobs(entry: checkpoints.TensorEntry, parts: Iterable[bytes]) -> Array:
    """The array whose blobs, in order, are `parts`; writable."""
    return np.frombuffer(bytearray(b"".join(parts)), dtype=entry.dtype).reshape(entry.shape)

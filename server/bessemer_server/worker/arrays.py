"""NumPy arrays to and from the tensors and blobs that cross between processes."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from bessemer_server.domain import checkpoints, tensors

Array = npt.NDArray[Any]
_DATATYPES = {np.dtype(name): datatype for name, datatype in tensors.DATATYPES.items()}
"""By NumPy's own object: to make its name takes longer than all else of a small tensor."""


def to_array(tensor: tensors.Tensor) -> Array:
    """A read-only view of the tensor's bytes; for BYTES, an array of `bytes`."""
    if tensor.datatype == "BYTES":
        return np.array([*tensors.unpack_elements(tensor.data), None], dtype=object)[:-1].reshape(
            tensor.shape
        )
    return np.frombuffer(tensor.data, dtype=tensors.NUMPY_NAMES[tensor.datatype]).reshape(tensor.shape)


def to_tensor(array: Array) -> tensors.Tensor:
    """The array's values as a tensor: a view where it is contiguous; an array of `bytes` becomes BYTES."""
    if array.dtype == object:
        return tensors.Tensor("BYTES", array.shape, tensors.pack_elements(array.flat))
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return tensors.Tensor(_DATATYPES[array.dtype], array.shape, flat.data)


class Digester:
    """Manifest entries of arrays. One that was seen before, the very same object, is not hashed again: what is handed over
    once must not change any more.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[weakref.ref[Array], checkpoints.TensorEntry]] = {}

    def digest(
        self, arrays: Mapping[str, Array]
    ) -> tuple[tuple[checkpoints.TensorEntry, ...], dict[str, memoryview]]:
        """Entries, and the bytes by digest, in parts of at most `BLOB_MAX_BYTES`: views, not copies."""
        entries: list[checkpoints.TensorEntry] = []
        blobs: dict[str, memoryview] = {}
        for name, array in arrays.items():
            parts = _split(array)
            entry = self._recall(name, array) or _describe(name, array, parts)
            self._seen[name] = weakref.ref(array), entry
            blobs.update(zip(entry.digests, parts, strict=True))
            entries.append(entry)
        return tuple(entries), blobs

    def _recall(self, name: str, array: Array) -> checkpoints.TensorEntry | None:
        seen, entry = self._seen.get(name, (None, None))
        return entry if seen and seen() is array else None


def _split(array: Array) -> list[memoryview]:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return [data[i : i + checkpoints.BLOB_MAX_BYTES] for i in range(0, len(data), checkpoints.BLOB_MAX_BYTES)]


def _describe(name: str, array: Array, parts: list[memoryview]) -> checkpoints.TensorEntry:
    digests = tuple(hashlib.sha256(part).hexdigest() for part in parts)
    return checkpoints.TensorEntry(name, array.dtype.name, array.shape, digests, array.nbytes)


def write(output: BinaryIO, name: str, array: Array) -> checkpoints.TensorEntry:
    """Append the bytes, and say where they are."""
    parts = _split(array)
    output.writelines(parts)
    return _describe(name, array, parts)


def from_blobs(entry: checkpoints.TensorEntry, parts: Iterable[bytes]) -> Array:
    """The array whose blobs, in order, are `parts`; writable."""
    return np.frombuffer(bytearray(b"".join(parts)), dtype=entry.dtype).reshape(entry.shape)

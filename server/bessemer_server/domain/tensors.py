"""Tensors as they cross between processes: a datatype of the Open Inference Protocol, a shape and the bytes."""

from __future__ import annotations

import dataclasses
import math

ITEM_BYTES = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}
"""Bytes of one element, for each datatype of fixed size."""

NUMPY_NAMES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
"""NumPy's name of each datatype that it has."""
DATATYPES = {name: datatype for datatype, name in NUMPY_NAMES.items()}
"""The inverse of `NUMPY_NAMES`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """Row-major, little-endian."""

    datatype: str
    shape: tuple[int, ...]
    data: bytes | memoryview

    @property
    def rows(self) -> int:
        """Length of the first axis, the batch."""
        return self.shape[0]


def size_bytes(datatype: str, shape: tuple[int, ...]) -> int:
    """Bytes that a tensor of this datatype and shape takes."""
    return math.prod(shape) * ITEM_BYTES[datatype]


def join(parts: list[Tensor]) -> Tensor:
    """One tensor with the rows of all `parts`, which agree in all but the first axis."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    rows = sum(part.rows for part in parts)
    return Tensor(first.datatype, (rows, *first.shape[1:]), b"".join(part.data for part in parts))


def split(whole: Tensor, rows: list[int]) -> list[Tensor]:
    """The inverse of `join`: consecutive runs of `rows` rows."""
    view = memoryview(whole.data)
    row_bytes = size_bytes(whole.datatype, whole.shape[1:])
    parts, start = [], 0
    for count in rows:
        end = start + count * row_bytes
        parts.append(Tensor(whole.datatype, (count, *whole.shape[1:]), view[start:end]))
        start = end
    return parts

"""Tensors as they cross between processes: a datatype of the Open Inference Protocol, a shape and the bytes.

An element of BYTES is its length in four bytes, little-endian, and then as many bytes.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable, Iterator, Sequence

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
    "BYTES": "object",
}
"""NumPy's name of each datatype that it has."""
DATATYPES = {name: datatype for datatype, name in NUMPY_NAMES.items()}
"""The inverse of `NUMPY_NAMES`."""
_LENGTH = struct.Struct("<I")


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

    @property
    def pieces(self) -> Sequence[bytes | memoryview]:
        """Its bytes as they lie, one piece after the other."""
        return (self.data,)

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        return len(self.data)


class Joined(Tensor):
    """A tensor whose bytes lie in pieces, each of whole rows: who wants them in one place puts them there."""

    __slots__ = ("_pieces",)
    _pieces: Sequence[bytes | memoryview]

    def __init__(self, datatype: str, shape: tuple[int, ...], pieces: Sequence[bytes | memoryview]) -> None:
        object.__setattr__(self, "datatype", datatype)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "_pieces", pieces)

    @property
    def data(self) -> bytes:
        """A copy in one piece."""
        return b"".join(self._pieces)

    @property
    def pieces(self) -> Sequence[bytes | memoryview]:
        """See `Tensor.pieces`."""
        return self._pieces

    @property
    def size_bytes(self) -> int:
        """See `Tensor.size_bytes`."""
        return sum(map(len, self._pieces))


def size_bytes(datatype: str, shape: tuple[int, ...]) -> int:
    """Bytes that a tensor of this shape takes; of a datatype of fixed size."""
    return math.prod(shape) * ITEM_BYTES[datatype]


def pack_elements(elements: Iterable[bytes]) -> bytes:
    """Elements of BYTES as they lie in a tensor."""
    return b"".join(part for element in elements for part in (_LENGTH.pack(len(element)), element))


def unpack_elements(data: bytes | memoryview) -> Iterator[bytes]:
    """The inverse of `pack_elements`. Raises `ValueError` for bytes that end within an element."""
    start, view = 0, memoryview(data)
    while start < len(view):
        if start + _LENGTH.size > len(view):
            raise ValueError("incomplete string length indicator")
        end = start + _LENGTH.size + _LENGTH.unpack_from(view, start)[0]
        if end > len(view):
            raise ValueError("incomplete string data")
        yield bytes(view[start + _LENGTH.size : end])
        start = end


def join(parts: list[Tensor]) -> Tensor:
    """One tensor with the rows of all `parts`, which agree in all but the first axis; no bytes are copied."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    rows = sum(part.rows for part in parts)
    pieces = [piece for part in parts for piece in part.pieces]
    return Joined(first.datatype, (rows, *first.shape[1:]), pieces)


def split(whole: Tensor, rows: list[int]) -> list[Tensor]:
    """The inverse of `join`: consecutive runs of `rows` rows; of a datatype of fixed size, as all outputs have."""
    view = memoryview(whole.data)
    row_bytes = size_bytes(whole.datatype, whole.shape[1:])
    parts, start = [], 0
    for count in rows:
        end = start + count * row_bytes
        parts.append(Tensor(whole.datatype, (count, *whole.shape[1:]), view[start:end]))
        start = end
    return parts

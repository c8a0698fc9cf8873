"""Typed contents of large requests, decoded where they are needed and a piece at a time.

Protobuf decodes a message in one go, and many numbers become a list in one go: meanwhile no other thread runs, and every call waits.
Many short goes hold up nobody.
"""

from __future__ import annotations

import array
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import frugal, wire
from bessemer_server.serving import contents

PIECE_BYTES = 16 << 10
"""Of packed numbers: some hundred microseconds."""
MAX_VARINT_BYTES = 10
FIXED_BYTES = {6: 4, 7: 8}
"""Of a number, by field; those of other fields are varints."""
NUMBERS = range(1, 8)
"""Fields with numbers."""


class Contents(Mapping[str, Sequence[Any]]):
    """See `requests.Input.typed`. Whether there are any is known; to read them takes a tenth of a second for a MiB or two: in a
    thread. Only the field that the datatype has is read, of others it is told that they are set. Raises `InvalidArgument`, and
    `OverflowError` for a number that the datatype does not have.
    """

    def __init__(self, name: str, datatype: str, parts: Sequence[memoryview]) -> None:
        """`parts`: what was sent, an InferTensorContents when put together."""
        self._name = name
        self._parts = parts
        self._field, self._code = contents.FIELDS.get(datatype, ("", ""))

    def __bool__(self) -> bool:
        return any(self._parts)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __getitem__(self, field: str) -> Sequence[Any]:
        return self._found[field]

    @functools.cached_property
    def _found(self) -> dict[str, Sequence[Any]]:
        found: dict[str, Sequence[Any]] = {}
        read: Any = array.array(self._code) if self._code else []
        for piece in self._pieces():
            for field, values in self._decode(piece):
                if field == self._field:
                    found[field] = read
                    read.extend(_convert(self._code, values))
                else:
                    found[field] = ()
        return found

    def _decode(self, piece: bytes) -> list[tuple[str, Any]]:
        try:
            fields = pb.InferTensorContents.FromString(piece).ListFields()
        except Exception as error:  # protobuf's implementations have no error in common
            raise errors.InvalidArgument(
                f"the typed contents of input '{self._name}' cannot be decoded; send what was made from the service's protos"
            ) from error
        return [(field.name, values) for field, values in fields]

    def _pieces(self) -> Iterator[bytes]:
        """Messages that are the whole one when put together, each small unless one element is large."""
        for part in self._parts:
            position = 0
            while position < len(part):
                begin = position
                number, kind, start, position = frugal.read_field(part, begin)
                if kind == frugal.DELIMITED and number in NUMBERS:
                    yield from _cut(number, part[start:position])
                else:
                    yield bytes(part[begin:position])


def _convert(code: str, values: Sequence[Any]) -> Sequence[Any]:
    """In the form of the tensor, a list of them at a time: numbers one by one take thrice as long."""
    return array.array(code, values[:]) if code else values


def _cut(number: int, packed: memoryview) -> Iterator[bytes]:
    """Fields of some numbers each."""
    start = 0
    while start < len(packed):
        end = min(start + PIECE_BYTES, len(packed))
        if number not in FIXED_BYTES:
            end = _find_end(packed, end)
        yield wire.begin(number, end - start) + bytes(packed[start:end])
        start = end


def _find_end(packed: memoryview, end: int) -> int:
    """Of the varint that has the byte before this place."""
    most = min(end + MAX_VARINT_BYTES, len(packed))
    while end < most and packed[end - 1] > 0x7F:
        end += 1
    return end

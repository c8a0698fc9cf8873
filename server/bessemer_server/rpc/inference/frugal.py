"""Requests that would take many times their size in memory are refused before they are decoded.

An empty tensor is two bytes on the wire and dozens in memory: a message as large as pictures may be, made of nothing but those,
would take more than a machine has. A sound request is large by its contents alone, and has few fields. Those contents are not decoded
either, which would copy them twice: they are read where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors

SMALL_BYTES = 64 * 1024
"""What cannot take much whatever it is made of."""
MAX_FIELDS = 20_000
"""Of a request, of its tensors, and of their contents, together: each text that comes typed is one."""
MAX_SHAPE_BYTES = 1024
MAX_TYPED_BYTES = 64 << 20
"""A number takes up to eight times as much in memory."""
MAX_ID_BYTES = 64 << 10
"""It is sent back."""
MAX_TEXT_BYTES = 1 << 20
"""Of what is neither a shape nor contents: names, parameters and whatever nobody knows."""
FIXED_BYTES = {1: 8, 5: 4}
"""By wire type."""
VARINT, DELIMITED = 0, 2
KIND = 7
"""The bits of a tag that say which."""
ID, INPUTS, OUTPUTS, RAW = 3, 5, 6, 7
SHAPE, CONTENTS = 3, 5
BYTES_CONTENTS = 8


class Decoded(NamedTuple):
    """A request."""

    message: pb.ModelInferRequest
    """Of a large one without its raw contents."""
    raw: Sequence[bytes | memoryview]
    """Its raw contents, in their order."""


def decode(data: bytes | memoryview) -> Decoded:
    """The request. Raises `InvalidArgument` for one that is large in number, and protobuf's own errors."""
    if len(data) <= SMALL_BYTES:
        message = pb.ModelInferRequest.FromString(bytes(data))
        return Decoded(message, message.raw_input_contents)
    scan = _Scan(data)
    scan.check()
    view = memoryview(data)
    rest = b"".join(view[start:end] for start, end in scan.rest())
    return Decoded(pb.ModelInferRequest.FromString(rest), [view[raw.start : raw.end] for raw in scan.raw])


class _Raw(NamedTuple):
    """Where raw contents lie: the field, and its value."""

    begin: int
    start: int
    end: int


class _Scan:
    """Looks at the tags and lengths of a message, and at nothing between them."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._fields = 0
        self._typed_bytes = 0
        self._text_bytes = 0
        self.raw: list[_Raw] = []

    def check(self) -> None:
        """Raise `InvalidArgument`, or any error for what is no message."""
        begin = 0
        while begin < len(self._data):
            field, start, end = self._read_field(begin)
            if field in (INPUTS, OUTPUTS):
                self._check_tensor(start, end, is_input=field == INPUTS)
            elif field == RAW and self._data[begin] & KIND == DELIMITED:
                self.raw.append(_Raw(begin, start, end))
            else:
                self._count_text(end - start, MAX_ID_BYTES if field == ID else MAX_TEXT_BYTES)
            begin = end

    def rest(self) -> Iterator[tuple[int, int]]:
        """What lies between the raw contents."""
        position = 0
        for raw in self.raw:
            yield position, raw.begin
            position = raw.end
        yield position, len(self._data)

    def _check_tensor(self, position: int, limit: int, *, is_input: bool) -> None:
        while position < limit:
            field, position, end = self._read_field(position)
            if is_input and field == SHAPE and end - position > MAX_SHAPE_BYTES:
                raise errors.InvalidArgument(
                    f"the shape of an input has {end - position:,} bytes; no tensor has so many axes"
                )
            if is_input and field == CONTENTS:
                self._check_contents(position, end)
            elif not is_input or field != SHAPE:
                self._count_text(end - position, MAX_TEXT_BYTES)
            position = end

    def _count_text(self, count: int, most: int) -> None:
        """Texts are decoded at once, while everybody waits."""
        self._text_bytes += count
        if count > most or self._text_bytes > MAX_TEXT_BYTES:
            raise errors.InvalidArgument(
                f"the id of a request has at most {MAX_ID_BYTES:,} bytes, and with its names and parameters {MAX_TEXT_BYTES:,}; send what "
                "is larger as a tensor"
            )

    def _check_contents(self, position: int, limit: int) -> None:
        while position < limit:
            field, position, end = self._read_field(position)
            self._typed_bytes += end - position if field != BYTES_CONTENTS else 0
            if self._typed_bytes > MAX_TYPED_BYTES:
                raise errors.InvalidArgument(
                    f"the typed contents of a request have more than {MAX_TYPED_BYTES:,} bytes; send them raw"
                )
            position = end

    def _read_field(self, position: int) -> tuple[int, int, int]:
        """Number, and where the value begins and ends."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise errors.InvalidArgument(
                f"the request has more than {MAX_FIELDS:,} tensors, parameters and values of its own; send less, or more at once "
                "in each: raw contents are one"
            )
        tag, position = self._read_varint(position)
        kind = tag & KIND
        if kind == VARINT:
            end = self._read_varint(position)[1]
        elif kind == DELIMITED:
            length, position = self._read_varint(position)
            end = position + length
        else:
            end = position + FIXED_BYTES[kind]
        if end > len(self._data):
            raise ValueError("a field that is longer than the message")
        return tag >> 3, position, end

    def _read_varint(self, position: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
            if shift > 63:
                raise ValueError("a number that does not end")

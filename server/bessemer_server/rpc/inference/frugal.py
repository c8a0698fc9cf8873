"""Requests that would take many times their size in memory are refused before they are decoded.

An empty tensor is two bytes on the wire and dozens in memory: a message as large as pictures may be, made of nothing but those,
would take more than a machine has. A sound request is large by its contents alone, and has few fields. Those contents are not decoded
either, which would copy raw ones twice, and keep everybody waiting for typed ones: they are read where they lie.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import wire

SMALL_BYTES = 64 * 1024
"""What cannot take much whatever it is made of."""
MAX_FIELDS = 6_000
"""Of a request, of its tensors, and of their contents, together: each text that comes typed is one, and there are 4,096 rows at most. To
look at so many takes some ten milliseconds.
"""
MAX_SHAPE_BYTES = 1024
MAX_TYPED_BYTES = 16 << 20
"""A number takes up to eight times as much in memory, and a million of them a tenth of a second of everybody's time."""
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
NOTHING: Mapping[int, Sequence[memoryview]] = types.MappingProxyType({})


class Decoded(NamedTuple):
    """A request."""

    message: pb.ModelInferRequest
    """Of a large one without its contents, raw and typed."""
    raw: Sequence[bytes | memoryview]
    """Its raw contents, in their order."""
    typed: Mapping[int, Sequence[memoryview]] = NOTHING
    """The typed contents of a large one as they were sent, by position of the input; they may lie in parts."""
    size_bytes: int = 0
    """That it had when it was sent."""


def decode(data: bytes | memoryview) -> Decoded:
    """The request. Raises `InvalidArgument` for one that is large in number, and protobuf's own errors."""
    if len(data) <= SMALL_BYTES:
        message = pb.ModelInferRequest.FromString(bytes(data))
        return Decoded(message, message.raw_input_contents, size_bytes=len(data))
    scan = _Scan(data)
    scan.check()
    view = memoryview(data)
    rest = pb.ModelInferRequest.FromString(b"".join(scan.rest()))
    typed = {i: [view[start:end] for start, end in parts] for i, parts in scan.typed.items()}
    return Decoded(rest, [view[start:end] for start, end in scan.raw], typed, len(data))


def read_field(data: bytes | memoryview, position: int) -> tuple[int, int, int, int]:
    """Number and wire type, and where the value begins and ends. Raises any error for what is no field."""
    tag, position = _read_varint(data, position)
    kind = tag & KIND
    if kind == VARINT:
        end = _read_varint(data, position)[1]
    elif kind == DELIMITED:
        length, position = _read_varint(data, position)
        end = position + length
    else:
        end = position + FIXED_BYTES[kind]
    if end > len(data):
        raise ValueError("a field that is longer than the message")
    return tag >> 3, kind, position, end


def _read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number that does not end")


def _check_end(position: int, limit: int) -> None:
    if position > limit:
        raise ValueError("a field that is longer than the message that has it")


class _Cut(NamedTuple):
    """What is left out of a message, and what is there instead."""

    begin: int
    end: int
    instead: bytes = b""


class _Scan:
    """Looks at the tags and lengths of a message, and at nothing between them."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._fields = 0
        self._typed_bytes = 0
        self._text_bytes = 0
        self._inputs = 0
        self._cuts: list[_Cut] = []
        self.raw: list[tuple[int, int]] = []
        """Where raw contents begin and end."""
        self.typed: dict[int, list[tuple[int, int]]] = {}
        """The same of typed ones, by position of the input."""

    def check(self) -> None:
        """Raise `InvalidArgument`, or any error for what is no message."""
        begin = 0
        while begin < len(self._data):
            field, kind, start, end = self._read_field(begin)
            if field == INPUTS and kind == DELIMITED:
                self._check_input(begin, start, end)
            elif field == OUTPUTS:
                self._count_text(end - start, MAX_TEXT_BYTES)
                self._count_fields(start, end)
            elif field == RAW and kind == DELIMITED:
                self.raw.append((start, end))
                self._cuts.append(_Cut(begin, end))
            else:
                self._count_text(end - start, MAX_ID_BYTES if field == ID else MAX_TEXT_BYTES)
            begin = end

    def rest(self) -> Iterator[memoryview | bytes]:
        """The message without its contents, in pieces."""
        view, position = memoryview(self._data), 0
        for cut in self._cuts:
            yield view[position : cut.begin]
            yield cut.instead
            position = cut.end
        yield view[position:]

    def _check_input(self, begin: int, position: int, limit: int) -> None:
        start, cuts = position, []
        while position < limit:
            before = position
            field, kind, position, end = self._read_field(before)
            if field == SHAPE and end - position > MAX_SHAPE_BYTES:
                raise errors.InvalidArgument(
                    f"the shape of an input has {end - position:,} bytes; no tensor has so many axes"
                )
            if field == CONTENTS and kind == DELIMITED:
                self._check_contents(position, end)
                self.typed.setdefault(self._inputs, []).append((position, end))
                cuts.append(_Cut(before, end))
            elif field != SHAPE:
                self._count_text(end - position, MAX_TEXT_BYTES)
            position = end
        _check_end(position, limit)
        if cuts:
            size = limit - start - sum(cut.end - cut.begin for cut in cuts)
            self._cuts += [_Cut(begin, start, wire.begin(INPUTS, size)), *cuts]
        self._inputs += 1

    def _count_fields(self, position: int, limit: int) -> None:
        while position < limit:
            position = self._read_field(position)[-1]

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
            field, _, position, end = self._read_field(position)
            self._typed_bytes += end - position if field != BYTES_CONTENTS else 0
            if self._typed_bytes > MAX_TYPED_BYTES:
                raise errors.InvalidArgument(
                    f"the typed contents of a request have more than {MAX_TYPED_BYTES:,} bytes; send them raw"
                )
            position = end
        _check_end(position, limit)

    def _read_field(self, position: int) -> tuple[int, int, int, int]:
        """See `read_field`."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise errors.InvalidArgument(
                f"the request has more than {MAX_FIELDS:,} tensors, parameters and values of its own; send less, or more at once "
                "in each: raw contents are one"
            )
        return read_field(self._data, position)

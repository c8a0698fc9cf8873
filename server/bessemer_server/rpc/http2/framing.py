"""From the bytes of a connection to its frames: RFC 9113, section 4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bessemer_server.rpc.http2 import frames
from bessemer_server.rpc.http2.frames import Code, ConnectionFault

DATA_BYTES = 1 << 20
"""The largest frame of data; any other is smaller."""
HEAD_BYTES = 128 << 10
"""More than a call may have: one that has too much is refused alone, and not with all others of its connection."""
CONTROL_BYTES = 64 << 10
LIMITS = {frames.DATA: DATA_BYTES, frames.HEADERS: HEAD_BYTES, frames.CONTINUATION: HEAD_BYTES}
PRIORITY_BYTES = 5
NO_BYTES = memoryview(b"")


class Frame(NamedTuple):
    """Data comes as soon as it is here, a frame in several parts then, of which the last has the flags, and the first counts all
    padding; a head that was continued comes as one.
    """

    kind: int
    flags: int
    stream: int
    payload: memoryview
    """Without padding."""
    counted: int
    """Bytes that windows lose by it."""


class Framing:
    """Reads what a client sends."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._awaited = 0
        """Bytes of the frame that `rest` begins; looked at before they are here, a frame in small pieces would be copied for each."""
        self._is_begun = False
        self.is_set = False
        """Whether the client has begun as it must: with its settings."""
        self._amid: tuple[int, int, int] | None = None
        """Of data that comes in parts: flags, stream, bytes that lack."""
        self._padding = 0
        """Bytes of padding that lack, behind data."""
        self._block: tuple[int, int, bytearray] | None = None
        """Of a head that comes in parts: flags, stream, bytes."""

    def read(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that end, or go on, with these bytes. Raises `ConnectionFault`."""
        chunk = self._join(chunk)
        if not self._is_begun and len(chunk) < len(frames.PREFACE) and frames.PREFACE.startswith(chunk):
            self._rest += chunk
            return
        position = 0 if self._is_begun else self._read_preface(chunk)
        view = memoryview(chunk)
        end = len(chunk)
        if self._amid:
            part = view[: self._amid[2]]
            position = len(part)
            yield self._go_on(*self._amid, part)
        position += self._drop_padding(end - position)
        while end - position >= frames.HEAD_BYTES:
            high, low, kind, flags, stream = frames.HEAD.unpack_from(chunk, position)
            length = high << 8 | low
            self._check(kind, length)
            start = position + frames.HEAD_BYTES
            is_whole = start + length <= end
            if kind == frames.DATA and (flags & frames.PADDED or not is_whole):
                if flags & frames.PADDED and start == end and length:
                    break  # the first byte of its payload says how much of that is padding
                yield self._begin_data(flags, stream & frames.STREAM_MASK, length, view[start:])
                position = min(start + length, end)
                continue
            if not is_whole:
                self._awaited = frames.HEAD_BYTES + length
                break
            position = start + length
            if frame := self._take_whole(kind, flags, stream & frames.STREAM_MASK, view[start:position]):
                yield frame
        self._rest += chunk[position:]

    def _join(self, chunk: bytes) -> bytes:
        """These bytes behind those that were kept; none while both are less than a frame."""
        if not self._rest:
            return chunk
        self._rest += chunk
        if len(self._rest) < self._awaited:
            return b""
        joined = bytes(self._rest)
        self._rest.clear()
        self._awaited = 0
        return joined

    def _read_preface(self, chunk: bytes) -> int:
        """Where the frames begin."""
        if not chunk.startswith(frames.PREFACE):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "this is no HTTP/2")
        self._is_begun = True
        return len(frames.PREFACE)

    def _check(self, kind: int, length: int) -> None:
        if length > LIMITS.get(kind, CONTROL_BYTES):
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
        if (kind == frames.CONTINUATION) != (self._block is not None):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a head was not continued, or none was begun")
        if not self.is_set:
            if kind != frames.SETTINGS:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "a client begins with its settings")
            self.is_set = True

    def _begin_data(self, flags: int, stream: int, length: int, rest: memoryview) -> Frame:
        """What is here of a frame of data that is padded, or not here as a whole."""
        if not flags & frames.PADDED:
            return self._go_on(flags, stream, length, rest[:length])
        self._padding = _read_padding(rest, length)
        padded = 1 + self._padding
        part = rest[1 : 1 + length - padded]
        self._drop_padding(len(rest) - 1 - len(part))
        return self._go_on(flags, stream, length - padded, part, padded)

    def _go_on(self, flags: int, stream: int, lacking: int, part: memoryview, padded: int = 0) -> Frame:
        """The next part of a frame of data."""
        lacking -= len(part)
        self._amid = (flags, stream, lacking) if lacking else None
        return Frame(
            frames.DATA, flags & ~frames.END_STREAM if lacking else flags, stream, part, len(part) + padded
        )

    def _take_whole(self, kind: int, flags: int, stream: int, payload: memoryview) -> Frame | None:
        """None for a head of which parts lack."""
        if kind == frames.DATA:
            return Frame(kind, flags, stream, payload, len(payload))
        if kind in (frames.HEADERS, frames.CONTINUATION):
            return self._join_head(kind, flags, stream, payload)
        return Frame(kind, flags, stream, payload, 0)

    def _drop_padding(self, here: int) -> int:
        """So many of the bytes that are here are padding."""
        dropped = min(self._padding, here)
        self._padding -= dropped
        return dropped

    def _join_head(self, kind: int, flags: int, stream: int, payload: memoryview) -> Frame | None:
        """A whole head, or None while parts of it lack."""
        if kind == frames.HEADERS:
            block = _strip(payload) if flags & frames.PADDED else payload
            if flags & frames.WITH_PRIORITY:
                block = block[PRIORITY_BYTES:]
            if flags & frames.END_HEADERS:
                return Frame(kind, flags, stream, block, 0)
            self._block = flags, stream, bytearray(block)
            return None
        assert self._block is not None
        first_flags, number, joined = self._block
        joined += payload
        if stream != number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a head was not continued")
        if not payload or len(joined) > HEAD_BYTES:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a head in too many parts")
        if not flags & frames.END_HEADERS:
            return None
        self._block = None
        return Frame(frames.HEADERS, first_flags, stream, memoryview(joined), 0)


def _strip(payload: memoryview) -> memoryview:
    """A payload without its padding."""
    return payload[1 : len(payload) - _read_padding(payload, len(payload))]


def _read_padding(payload: memoryview, length: int) -> int:
    """How many bytes of padding end a payload of this length that begins so."""
    if not length or payload[0] >= length:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "more padding than payload")
    return payload[0]

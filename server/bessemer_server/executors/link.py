"""One end of the connection between the server and a process of its own: frames out, frames in.

A protocol rather than streams: a frame that arrives in one piece, as nearly all do, is read where it lies, and no task has to
wake up for it (docs/measurements.md).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from bessemer_server.worker import frames

JOINED_BYTES = 64 * 1024
"""A frame of at most so many bytes is sent as one piece."""
BUFFER_BYTES = 64 * 1024
"""A frame of more is received where it stays: to copy it takes longer than to receive it (docs/measurements.md)."""
Receive = Callable[[bytes, bytes | memoryview], None]


class Link(asyncio.BufferedProtocol):
    """Calls `receive` with head and body of each frame, and `end` once when the other side is gone."""

    def __init__(self, receive: Receive, end: Callable[[], None]) -> None:
        self._receive = receive
        self._end = end
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._large: memoryview | None = None
        """A frame that is larger than the buffer, as far as it is here."""
        self._count = 0
        """Bytes that are here, of the large frame or in the buffer."""
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.ended = asyncio.Event()

    async def send(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Hand a frame over, and wait while the other side does not keep up."""
        self.write(pieces)
        if not self._may_write.is_set():
            await self._may_write.wait()

    async def room(self) -> None:
        """Wait while the other side does not keep up."""
        while not self._may_write.is_set():
            await self._may_write.wait()

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Hand a frame over, however far behind the other side is; to who is gone it goes nowhere."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if sum(map(len, pieces)) <= JOINED_BYTES:
            self._transport.write(b"".join(pieces))
        else:
            self._transport.writelines(pieces)

    def close(self) -> None:
        """Hang up, once all has been sent."""
        assert self._transport is not None
        self._transport.close()

    def abort(self) -> None:
        """Hang up now, whatever the other side has not read."""
        assert self._transport is not None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.set()
        self.ended.set()
        self._end()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        if self._large is not None:
            return self._large[self._count :]
        return self._view[self._count :]

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._count += nbytes
        if self._large is None:
            self._read_small()
        elif self._count == len(self._large):
            frame, self._large, self._count = self._large, None, 0
            head_bytes, _ = frames.PREFIX.unpack_from(frame)
            begin = frames.PREFIX.size + head_bytes
            self._receive(bytes(frame[frames.PREFIX.size : begin]), frame[begin:].toreadonly())

    def _read_small(self) -> None:
        """The frames that are here; of the last one there may be a part."""
        start, end = 0, self._count
        while end - start >= frames.PREFIX.size:
            head_bytes, body_bytes = frames.PREFIX.unpack_from(self._buffer, start)
            begin = start + frames.PREFIX.size
            stop = begin + head_bytes + body_bytes
            if stop > end:
                if stop - start > BUFFER_BYTES:
                    self._begin_large(start, stop - start)
                    return
                break
            self._receive(
                bytes(self._view[begin : begin + head_bytes]), bytes(self._view[begin + head_bytes : stop])
            )
            start = stop
        self._count = end - start
        self._view[: self._count] = self._view[start:end]

    def _begin_large(self, start: int, size: int) -> None:
        """A frame with memory of its own, into which the rest of it is received."""
        part = self._view[start : self._count]
        self._large = memoryview(bytearray(size))
        self._count = len(part)
        self._large[: self._count] = part


async def connect(connection: socket.socket, receive: Receive, end: Callable[[], None]) -> Link:
    """The link over one end of a socket pair."""
    _, link = await asyncio.get_running_loop().create_connection(lambda: Link(receive, end), sock=connection)
    return link

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


class Link(asyncio.Protocol):
    """Calls `receive` with head and body of each frame, and `end` once when the other side is gone."""

    def __init__(self, receive: Callable[[bytes, bytes], None], end: Callable[[], None]) -> None:
        self._receive = receive
        self._end = end
        self._parts = bytearray()
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.ended = asyncio.Event()

    async def send(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Hand a frame over, and wait while the other side does not keep up."""
        self.write(pieces)
        if not self._may_write.is_set():
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
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

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

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._parts:
            self._parts += data
            if len(self._parts) < _frame_bytes(self._parts):
                return
            data, self._parts = bytes(self._parts), bytearray()
        start = 0
        while len(data) - start >= (size := _frame_bytes(data, start)):
            head_bytes, _ = frames.PREFIX.unpack_from(data, start)
            begin = start + frames.PREFIX.size
            self._receive(data[begin : begin + head_bytes], data[begin + head_bytes : start + size])
            start += size
        self._parts += data[start:]


def _frame_bytes(data: bytes | bytearray, start: int = 0) -> int:
    """Length of the frame that begins there, as far as it is known."""
    if len(data) - start < frames.PREFIX.size:
        return frames.PREFIX.size
    head_bytes, body_bytes = frames.PREFIX.unpack_from(data, start)
    return int(frames.PREFIX.size + head_bytes + body_bytes)


async def connect(
    connection: socket.socket, receive: Callable[[bytes, bytes], None], end: Callable[[], None]
) -> Link:
    """The link over one end of a socket pair."""
    _, link = await asyncio.get_running_loop().create_connection(lambda: Link(receive, end), sock=connection)
    return link

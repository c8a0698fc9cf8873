"""One end of the connection between a front and its server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from bessemer_server.rpc.fronts import frames

Receive = Callable[[frames.Head, bytes], None]
JOINED_BYTES = 64 * 1024
"""A frame of at most so many bytes is sent as one piece."""
HIGH_WATER_BYTES = 16 << 20


class Link(asyncio.Protocol):
    """Calls `receive` with head and body of each frame, and `lost` once when the other end is gone."""

    def __init__(self, receive: Receive, lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._parts: list[bytes] = []
        self._there = 0
        self._needed = frames.HEAD.size
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def send(self, head: bytes, body: bytes = b"") -> None:
        """Hand a frame over; to who is gone it goes nowhere."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if len(body) <= JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def drain(self) -> None:
        """Wait while the other end does not keep up."""
        if not self._may_write.is_set():
            await self._may_write.wait()

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. A large frame comes in many pieces, which are joined once."""
        self._parts.append(data)
        self._there += len(data)
        if self._there >= self._needed:
            self._take(data if len(self._parts) == 1 else b"".join(self._parts))

    def _take(self, data: bytes) -> None:
        start, end = 0, len(data)
        self._needed = frames.HEAD.size
        while end - start >= frames.HEAD.size:
            head = frames.Head(*frames.HEAD.unpack_from(data, start))
            after = start + frames.HEAD.size + head.size_bytes
            if after > end:
                self._needed = frames.HEAD.size + head.size_bytes
                break
            self._receive(head, data[start + frames.HEAD.size : after])
            start = after
        self._parts = [data[start:]] if start < end else []
        self._there = end - start

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._may_write.set()
        self._lost()


async def connect(connection: socket.socket, receive: Receive, lost: Callable[[], None]) -> Link:
    """The end over this socket."""
    _, made = await asyncio.get_running_loop().create_connection(lambda: Link(receive, lost), sock=connection)
    return made

"""A connection on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from bessemer_server.rpc.http2 import inflating, messages, unread
from bessemer_server.rpc.http2.connection import Accept, Connection
from bessemer_server.rpc.http2.stream import LOOK_S, Refuse

BEGIN_S = 20.0
"""So long a client may take to begin."""
BUFFERED_BYTES = 1 << 20
"""Beyond so much that the client has not read, nothing more of it is read or sent."""


class Http2Protocol(asyncio.Protocol):
    """`ended` is told when the connection is gone."""

    def __init__(
        self,
        accept: Accept,
        refuse: Refuse,
        budget: messages.Budget,
        turns: inflating.Turns,
        *,
        left: unread.Unread,
        ended: Callable[[Http2Protocol], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._ended = ended
        self._timers: list[asyncio.TimerHandle] = []
        self._is_read = True
        """Whether what the client sends is."""
        self._is_full = False
        """Whether it does not read what is sent."""
        self.connection = Connection(accept, refuse, budget, self._flush, turns.add, left=left)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=BUFFERED_BYTES)
        self._timers = [
            self._loop.call_later(BEGIN_S, self._check_begun),
            self._loop.call_later(LOOK_S, self._look),
        ]
        self._flush()

    def _check_begun(self) -> None:
        if not self.connection.is_set:
            self.abort()

    def _look(self) -> None:
        self._timers = [self._loop.call_later(LOOK_S, self._look)]
        if self.connection.look():
            self.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.connection.receive(data)
        self._flush()
        if self.connection.is_behind:
            self._pace()

    def _flush(self) -> None:
        """What is handed to the transport in one turn of the loop leaves at the end of it, together."""
        if self._transport is None or self._transport.is_closing():
            return
        if data := self.connection.take():
            self._transport.write(data)
        if self.connection.is_over:
            self._transport.close()
        if not self._is_read:
            self._pace()

    def pause_writing(self) -> None:
        """The client does not read: neither do we, so that it cannot make us keep more and more for it."""
        self._is_full = True
        self.connection.pause()
        self._pace()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_full = False
        self.connection.resume()
        self._pace()

    def _pace(self) -> None:
        """Read, or let the client wait: while it does not read itself, or is ahead of what is made of it."""
        is_read = not self._is_full and not self.connection.is_behind
        if self._transport is None or self._transport.is_closing() or is_read == self._is_read:
            return
        self._is_read = is_read
        (self._transport.resume_reading if is_read else self._transport.pause_reading)()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        for timer in self._timers:
            timer.cancel()
        self.connection.lose()
        self._transport = None
        self._ended(self)

    def shut_down(self) -> None:
        """Take no new calls, and end when those under way have."""
        self.connection.shut_down()
        self._flush()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

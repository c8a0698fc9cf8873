"""A connection on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from bessemer_server.rpc.http2 import inflating, messages
from bessemer_server.rpc.http2.connection import Accept, Connection
from bessemer_server.rpc.http2.stream import Refuse

BEGIN_S = 20.0
"""So long a client may take to begin."""
STALL_S = 60.0
"""So long it may read nothing while there is something for it."""
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
        ended: Callable[[Http2Protocol], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_gathering = True  # until there is a socket
        self.connection = Connection(accept, refuse, budget, self._wake, turns.add)
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=BUFFERED_BYTES)
        self._timer = self._loop.call_later(BEGIN_S, self._check_begun)
        self._flush()

    def _check_begun(self) -> None:
        if not self.connection.is_set:
            self._abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._is_gathering = True  # what is answered at once goes out together
        self.connection.receive(data)
        self._flush()

    def _wake(self) -> None:
        """What is handed to the transport in one turn of the loop leaves at the end of it, together."""
        if not self._is_gathering:
            self._flush()

    def _flush(self) -> None:
        self._is_gathering = False
        if self._transport is None or self._transport.is_closing():
            return
        if data := self.connection.take():
            self._transport.write(data)
        if self.connection.is_over:
            self._transport.close()

    def pause_writing(self) -> None:
        """The client does not read: neither do we, so that it cannot make us keep more and more for it."""
        assert self._transport is not None
        self.connection.pause()
        self._transport.pause_reading()
        self._set_timer(STALL_S)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        assert self._transport is not None
        if self._timer is not None:
            self._timer.cancel()
        self._transport.resume_reading()
        self.connection.resume()

    def _set_timer(self, after_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(after_s, self._abort)

    def _abort(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._timer is not None:
            self._timer.cancel()
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

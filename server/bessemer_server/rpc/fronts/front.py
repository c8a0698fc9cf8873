"""Receives calls on a socket: predictions are answered by bytes, every other call is passed on to the server."""

from __future__ import annotations

import socket

import grpc

from bessemer_server.executors import memory
from bessemer_server.rpc import options
from bessemer_server.rpc.fronts import passing, predicting
from bessemer_server.rpc.http2 import messages, server, unread
from bessemer_server.rpc.http2.stream import Call, Stream

GRACE_S = 6.0
"""A little more than the server gives the calls that it was passed."""
HELD_SHARE = 4
"""Requests take at most this part of the memory, an nth, in all processes that receive calls."""
UNREAD_SHARE = 16
"""And answers that nobody reads this one."""


class Front:
    """`listening` is a socket that is bound, `upstream` the server's own address, `processes` how many receive calls as this one does."""

    def __init__(self, listening: socket.socket, upstream: str, processes: int = 1) -> None:
        self._processes = processes
        self._listening = listening
        self._upstream_address = upstream
        self._channel: grpc.aio.Channel | None = None
        self._server: server.Http2Server | None = None

    async def start(self, infer: predicting.Infer) -> None:
        """Take calls."""
        self._channel = grpc.aio.insecure_channel(self._upstream_address, options=options.SERVER)
        upstream = passing.Upstream(self._channel)

        def accept(stream: Stream) -> Call:
            if stream.head.path == predicting.PATH:
                return predicting.PredictionCall(stream, infer)
            return upstream.accept(stream)

        bytes_there = memory.available_bytes() // self._processes
        # The largest message fits whatever the memory: else it would be asked for again and again.
        budget = messages.Budget(max(bytes_there // HELD_SHARE, messages.MAX_BYTES + messages.PREFIX.size))
        left = unread.Unread(bytes_there // UNREAD_SHARE)
        self._server = server.Http2Server(accept, predicting.refuse, budget, left)
        # Its connections have it too: the system remembers them for a minute when this process ended them, and would refuse the port
        # to the next server. Not before, so that until then others see that the port is kept.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await self._server.start(self._listening)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Take no new calls; let those under way end for so long."""
        if self._server is not None:
            await self._server.stop(grace_s)
        if self._channel is not None:
            await self._channel.close()

"""Listens, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from bessemer_server.rpc.http2 import inflating, messages, unread
from bessemer_server.rpc.http2.connection import Accept
from bessemer_server.rpc.http2.protocol import Http2Protocol
from bessemer_server.rpc.http2.stream import Refuse

BACKLOG = 1024
KEEPALIVE_S = 60
"""A client that vanished without a word is noticed after a few times so long."""


class Http2Server:
    """Calls are answered by what `accept` makes of each stream."""

    def __init__(
        self, accept: Accept, refuse: Refuse, budget: messages.Budget, left: unread.Unread | None = None
    ) -> None:
        """`budget`: of requests, `left`: of answers that clients do not read."""
        self._accept = accept
        self._refuse = refuse
        self._budget = budget
        self._left = left or unread.Unread()
        self._connections: set[Http2Protocol] = set()
        self._empty = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._turns: inflating.Turns | None = None

    async def start(self, listening: socket.socket) -> None:
        """On a socket that is bound; what connects inherits its options."""
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        self._turns = inflating.Turns(loop.call_soon)
        self._server = await loop.create_server(self._connect, sock=listening, backlog=BACKLOG)

    async def stop(self, grace_s: float) -> None:
        """Take no new calls; let those under way end for so long."""
        if self._server is None:
            return
        self._server.close()
        for protocol in list(self._connections):
            protocol.shut_down()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._await_end()
        for protocol in list(self._connections):
            protocol.abort()
        await self._await_end()

    async def _await_end(self) -> None:
        while self._connections:
            self._empty.clear()
            await self._empty.wait()

    def _connect(self) -> Http2Protocol:
        assert self._turns
        protocol = Http2Protocol(
            self._accept, self._refuse, self._budget, self._turns, left=self._left, ended=self._forget
        )
        self._connections.add(protocol)
        return protocol

    def _forget(self, protocol: Http2Protocol) -> None:
        self._connections.discard(protocol)
        if not self._connections:
            self._empty.set()

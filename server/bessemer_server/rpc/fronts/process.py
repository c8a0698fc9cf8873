"""The front itself: `python -m bessemer_server.rpc.fronts.process LISTEN UPSTREAM PROCESSES FD [MEMORY BYTES]`.

LISTEN is the address that it shares with others, UPSTREAM the server's own, PROCESSES how many share it, FD its end of the socket pair, and
MEMORY the descriptor of so many bytes that it shares with the server.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import sys

import grpc
import uvloop
from google.rpc import status_pb2

from bessemer_server.executors import link
from bessemer_server.rpc.fronts import frames, predicting, reserving, sharing
from bessemer_server.rpc.fronts.frames import Kind
from bessemer_server.rpc.fronts.front import Front
from bessemer_server.worker.arena import Arena

GONE = status_pb2.Status(
    code=grpc.StatusCode.UNAVAILABLE.value[0], message="the server is gone; ask again"
).SerializeToString()


class Courier:
    """Hands predictions to the server, and its answers to who asked."""

    def __init__(self, places: sharing.Places | None = None) -> None:
        self._places = places
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._link: link.Link | None = None
        self.is_orphan = False
        self.told = asyncio.Event()
        """The server has said listen or stop, or is gone."""
        self.ended = asyncio.Event()
        """It has said stop, or is gone."""

    async def connect(self, connection: socket.socket) -> None:
        """To the server."""
        self._link = await link.connect(connection, self._receive, self._lose)

    def tell_ready(self) -> None:
        """Calls can come."""
        assert self._link is not None
        self._link.write(frames.encode(Kind.READY))

    async def infer(self, request: bytes | memoryview, left_s: float | None) -> bytes:
        """One prediction: see `predicting.Infer`."""
        kind, body = await self._ask(request, left_s)
        if kind == Kind.REFUSAL:
            raise predicting.Refusal(status_pb2.Status.FromString(body))
        return body

    async def _ask(self, request: bytes | memoryview, left_s: float | None) -> tuple[int, bytes]:
        """Kind and body of the server's answer."""
        assert self._link is not None
        await self._link.room()  # a request that its client takes back meanwhile takes no memory here
        if self.is_orphan:
            return Kind.REFUSAL, GONE
        number = next(self._numbers)
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            self._link.write(self._encode(number, request, left_s))
            return await answer
        except asyncio.CancelledError:
            self._link.write(frames.encode(Kind.CANCEL, number))
            raise
        finally:
            del self._pending[number]

    def _encode(
        self, number: int, request: bytes | memoryview, left_s: float | None
    ) -> list[bytes | memoryview]:
        place = self._places.put(request) if self._places else None
        if place is None:
            return frames.encode(Kind.REQUEST, number, request, left_s)
        return frames.encode(Kind.SHARED_REQUEST, number, frames.encode_place(*place), left_s)

    def _receive(self, encoded: bytes, body: bytes | memoryview) -> None:
        head = frames.decode(encoded)
        if head.free and self._places:
            self._places.free(head.free)
        if head.kind == Kind.WHERE:
            assert self._link is not None
            self._link.write(frames.encode(Kind.HERE))
        if head.kind in (Kind.LISTEN, Kind.STOP):
            self.told.set()
        if head.kind == Kind.STOP:
            self.ended.set()
        answer = self._pending.get(head.number)
        if answer is not None and not answer.done():
            answer.set_result((head.kind, bytes(body)))

    def _lose(self) -> None:
        self.is_orphan = True
        self.told.set()
        self.ended.set()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_result((Kind.REFUSAL, GONE))


async def run(
    listen: str, upstream: str, processes: int, connection: socket.socket, shared: Arena | None
) -> None:
    """Until the server says stop, or is gone."""
    courier = Courier(sharing.Places(shared) if shared else None)
    await courier.connect(connection)
    await courier.told.wait()
    if courier.ended.is_set():
        return
    with reserving.bind(listen) as listening:
        front = Front(listening, upstream, processes)
        await front.start(courier.infer)
        courier.tell_ready()
        await courier.ended.wait()
        await (front.stop(0) if courier.is_orphan else front.stop())


def main() -> None:
    """See the module."""
    listen, upstream, *numbers = sys.argv[1:]
    processes, descriptor, *place = map(int, numbers)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the server, whose end is seen here
    shared = Arena(*place) if place else None
    uvloop.run(run(listen, upstream, processes, socket.socket(fileno=descriptor), shared))


if __name__ == "__main__":
    main()

"""The server's side of its fronts: starts them, answers the predictions that they hand over, and ends them."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import subprocess
import sys
from collections.abc import Sequence

from bessemer_server.domain import errors
from bessemer_server.executors import link
from bessemer_server.rpc.fronts import frames, sharing
from bessemer_server.rpc.fronts.frames import Kind
from bessemer_server.rpc.fronts.predicting import Infer, Refusal
from bessemer_server.worker import arena
from bessemer_server.worker.arena import Arena

RESTART_S = 0.5
STUCK_S = 10.0
"""A front that says nothing for so long, though it is asked, is ended: its clients connect to others."""
START_S = 60.0
"""A front that cannot take calls by then is ended, too."""
MOMENT_S = 1.0
"""So much more it has, since it may be this process that stood still."""
END_PATIENCE_S = 10.0
MODULE = "bessemer_server.rpc.fronts.process"
NOT_READY = (
    "front ended before it could take calls; if the code was replaced meanwhile, start the server again"
)
log = logging.getLogger(__name__)


class _Connection:
    """To one front."""

    def __init__(self, infer: asyncio.Future[Infer], shared: Arena | None = None) -> None:
        self._infer = infer
        self._views = sharing.Views(shared, self._tell_free) if shared else None
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._link: link.Link | None = None
        self._was_heard = False
        self.is_ready = asyncio.Event()
        self.ended = asyncio.Event()

    async def open(self, connection: socket.socket) -> None:
        """To the front at the other end."""
        self._link = await link.connect(connection, self._receive, self._lose)

    async def listen(self) -> None:
        """Have it listen, once somebody can answer."""
        assert self._link is not None
        await asyncio.shield(self._infer)
        self._link.write(frames.encode(Kind.LISTEN))

    async def wait_until_stuck(self) -> None:
        """Returns when it says nothing any more, though it is asked, or does not begin."""
        assert self._link is not None
        await asyncio.shield(self._infer)  # before, it is not asked to
        try:
            async with asyncio.timeout(START_S):
                await self.is_ready.wait()
        except TimeoutError:
            return
        while True:
            self._was_heard = False
            self._link.write(frames.encode(Kind.WHERE))
            await asyncio.sleep(STUCK_S)
            if not self._was_heard:
                await asyncio.sleep(MOMENT_S)
            if not self._was_heard:
                return

    def stop(self) -> None:
        """Have it end."""
        assert self._link is not None
        self._link.write(frames.encode(Kind.STOP))

    def _receive(self, encoded: bytes, body: bytes | memoryview) -> None:
        self._was_heard = True
        head = frames.decode(encoded)
        match head.kind:
            case Kind.REQUEST:
                self._take(head, body)
            case Kind.SHARED_REQUEST:
                assert self._views is not None
                self._take(head, self._views.look(*frames.decode_place(body)))
            case Kind.CANCEL:
                if call := self._calls.get(head.number):
                    call.cancel()
            case Kind.READY:
                self.is_ready.set()

    def _take(self, head: frames.Head, request: bytes | memoryview) -> None:
        left_s = None if math.isinf(head.left_s) else head.left_s
        answering = asyncio.get_running_loop().create_task(self._answer(head.number, request, left_s))
        self._calls[head.number] = answering
        # By the task and not in it: one that is cancelled before it begins never runs.
        answering.add_done_callback(lambda _: self._calls.pop(head.number))

    async def _answer(self, number: int, request: bytes | memoryview, left_s: float | None) -> None:
        assert self._link is not None
        infer = self._infer.result()(request, left_s)
        del request  # who infers has it alone: its place is free as soon as that ends
        try:
            kind, body = Kind.ANSWER, await infer
        except Refusal as refusal:
            kind, body = Kind.REFUSAL, refusal.status.SerializeToString()
        await self._link.send(frames.encode(kind, number, body, free=self._take_free()))

    def _take_free(self) -> list[int]:
        return self._views.take_free() if self._views else []

    def _tell_free(self) -> None:
        """Of places that no answer has told."""
        assert self._link is not None
        self._link.write(frames.encode(Kind.FREE, free=self._take_free()))

    def _lose(self) -> None:
        if self._views:
            self._views.close()
        for call in list(self._calls.values()):
            call.cancel()
        self.ended.set()


class Hub:
    """So many fronts on one address, each started again when it ends. `listen` has the port."""

    def __init__(self, listen: str, upstream: str, count: int) -> None:
        self.address = listen
        self._arguments = listen, upstream, str(count)
        self._connections: set[_Connection] = set()
        self._is_stopping = False
        self._infer: asyncio.Future[Infer] = asyncio.get_running_loop().create_future()
        # At once: they load what they need while the server does.
        self._ready = [asyncio.Event() for _ in range(count)]
        self._keepers = [asyncio.create_task(self._keep(ready)) for ready in self._ready]

    async def start(self, infer: Infer) -> None:
        """Have them listen; returns when all do. Raises `Unavailable` when one ends before."""
        self._infer.set_result(infer)
        waiting = asyncio.create_task(_all(self._ready))
        await asyncio.wait({waiting, *self._keepers}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise errors.Unavailable("a process that receives calls has ended; its words are above")

    async def stop(self) -> None:
        """Have them take no more calls and end; returns when they have."""
        self._is_stopping = True
        for connection in self._connections:
            connection.stop()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=END_PATIENCE_S)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, ready: asyncio.Event) -> None:
        while not self._is_stopping:
            told = "front ended"
            try:
                if not await self._run(ready):
                    told = NOT_READY
            except OSError:  # no room for a process, or too many files: later there may be
                log.exception("front not started")
            if not ready.is_set():
                return  # it never could: another one could not either
            if not self._is_stopping:
                log.warning(told)
                await asyncio.sleep(RESTART_S)

    async def _run(self, ready: asyncio.Event) -> bool:
        """One front, from its beginning to its end; whether it could take calls."""
        connection, process = await self._spawn()
        self._connections.add(connection)
        if self._is_stopping:  # meanwhile, and this one has not been told
            connection.stop()
        tasks = [
            asyncio.create_task(connection.listen()),
            asyncio.create_task(_end_stuck(connection, process)),
        ]
        try:
            await _first(connection.is_ready, connection.ended)
            if connection.is_ready.is_set():
                ready.set()
            await connection.ended.wait()
            return connection.is_ready.is_set()
        finally:
            for task in tasks:
                task.cancel()
            self._connections.discard(connection)
            await _end(process)

    async def _spawn(self) -> tuple[_Connection, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        with theirs:  # closed here, our end sees it whether a process was started or not
            shared = arena.create(sharing.ARENA_BYTES)
            connection = _Connection(self._infer, shared)
            await connection.open(ours)
            place = (shared.descriptor, shared.size_bytes) if shared else ()
            # Not asyncio's: uvloop forks for it, which gRPC does not like beside its threads.
            process = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "-m", MODULE, *self._arguments, *map(str, [theirs.fileno(), *place])],
                pass_fds=(theirs.fileno(), *place[:1]),
                stdin=subprocess.DEVNULL,
            )
        return connection, process


async def _all(events: Sequence[asyncio.Event]) -> None:
    """Wait until each of them is set."""
    for event in events:
        await event.wait()


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


async def _end_stuck(connection: _Connection, process: subprocess.Popen[bytes]) -> None:
    await connection.wait_until_stuck()
    log.error("front stuck")
    process.kill()


async def _end(process: subprocess.Popen[bytes]) -> None:
    """It has hung up, and is about to end by itself."""
    try:
        await asyncio.to_thread(process.wait, END_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)

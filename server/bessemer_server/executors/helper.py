"""A helper process, forked and kept: requests go out and answers come back over a socket pair."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import socket
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from bessemer_server.domain import errors, tensors
from bessemer_server.executors import link
from bessemer_server.executors.alarm import Alarm
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.joint import Joint
from bessemer_server.executors.sharing import Sharing
from bessemer_server.worker import arena, frames

Body = Mapping[str, tensors.Tensor]
Answer = tuple[Any, dict[str, tensors.Tensor]]
log = logging.getLogger(__name__)

STOP_GRACE_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What the process was asked and has not answered."""

    method: str
    patience_s: float
    answer: asyncio.Future[Answer]


class Helper:
    """One process that answers requests in the order in which they come. Forked at the first call, and again after it
    died: what it was asked then fails with `Unavailable`, and `generation` tells callers that its memory is new.
    """

    def __init__(
        self,
        name: str,
        forkserver: ForkServer,
        target: Callable[..., None],
        *arguments: Any,
        patience_s: float = 300.0,
        arena_bytes: int = 0,
    ) -> None:
        """`patience_s`: a process that needs longer for an answer is taken for stuck, and ended. `arena_bytes`: of memory to share
        with it for large tensors; if any, `target` takes the `arena.Arena`, or None, after the connection.
        """
        self._name = name
        self._patience_s = patience_s
        self._arena_bytes = arena_bytes
        self._sharing: Sharing | None = None
        self._forkserver = forkserver
        self._target = target
        self._arguments = arguments
        self._ids = itertools.count(1)
        self._pending: dict[int, _Call] = {}
        """In the order in which they are answered."""
        self._alarm = Alarm(self._end_stuck)
        self._starts: Joint[str, None] = Joint()
        self._process: BaseProcess | None = None
        self._is_closing = False
        self._link: link.Link | None = None
        self.generation = 0
        """Counts the processes so far."""

    @property
    def is_alive(self) -> bool:
        """Whether the process is there, as far as is known."""
        return self._link is not None

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        body: Body | None = None,
        *,
        answer_bytes: int = 0,
        patience_s: float | None = None,
    ) -> Answer:
        """Ask, and wait for the answer, whose tensors may have `answer_bytes`. `patience_s`: other than the helper's, from when the
        process is at this call. Raises what the helper raised, or `Unavailable` when it died.
        """
        connection = self._link or await self._start()
        request_id = next(self._ids)
        header = {"id": request_id, "method": method, "arguments": arguments}
        frame = self._encode(header, body or {}, answer_bytes)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = _Call(method, patience_s or self._patience_s, answer)
        if len(self._pending) == 1:
            self._watch()
        try:
            await connection.send(frame)
            return await answer
        finally:
            answer.cancel()  # who gave up is not told any more; nothing happens to an answer that is there

    def _watch(self) -> None:
        """Count the time of the call that the process is at, and of no other: what waits behind it cannot be stuck."""
        if self._pending:
            self._alarm.set(next(iter(self._pending.values())).patience_s)
        else:
            self._alarm.clear()

    def _encode(self, header: dict[str, Any], body: Body, answer_bytes: int) -> list[bytes | memoryview]:
        if self._sharing is None:
            return frames.encode(header, body)
        return self._sharing.encode(header, body, answer_bytes)

    def _end_stuck(self) -> None:
        call = next(iter(self._pending.values()))
        log.error("helper stuck", extra={"helper": self._name, "method": call.method})
        if self._process is not None:
            self._process.kill()
        if self._link is not None:
            self._link.abort()  # at once: the next call shall fork it again, and not go to one that is about to end
        if not call.answer.done():
            call.answer.set_exception(
                errors.Unavailable(
                    f"the {self._name} process gave no answer for {call.patience_s:.3g} s and was ended; try again",
                    reason="HELPER_STUCK",
                )
            )

    async def start(self) -> None:
        """Fork the process unless it is there. The fork goes on when all who wait for it give up: it has to have its end of the
        connection until it is done. Raises `Unavailable`, also once this is closed.
        """
        if self._link is None:
            await self._starts.do(self._name, self._fork)

    async def _start(self) -> link.Link:
        await self.start()
        if self._link is None:  # it ended before anybody could ask it
            raise self._ended()
        return self._link

    async def _fork(self) -> None:
        self._check_open()
        with contextlib.ExitStack() as unused:
            ours, theirs = socket.socketpair()
            unused.callback(ours.close)
            if memory := arena.create(self._arena_bytes):
                unused.callback(memory.close)
            shared = (memory,) if self._arena_bytes else ()
            with theirs:
                self._process = await self._forkserver.fork(
                    self._name, self._target, theirs, *shared, *self._arguments, daemon=True
                )
            self._check_open()  # without its connection, the process ends by itself
            unused.pop_all()
        self._sharing = Sharing(memory) if memory else None
        self._link = await link.connect(ours, self._receive, self._lose)
        self.generation += 1
        log.debug("helper started", extra={"helper": self._name, "pid": self._process.pid})

    def _check_open(self) -> None:
        if self._is_closing:
            raise errors.Unavailable(f"the {self._name} process was closed", reason="HELPER_CLOSED")

    def _ended(self) -> errors.Unavailable:
        return errors.Unavailable(f"the {self._name} process ended; try again", reason=errors.HELPER_ENDED)

    def _receive(self, head: bytes, body: bytes | memoryview) -> None:
        self._settle(*frames.decode(head, body, self._sharing.view if self._sharing else None))

    def _lose(self) -> None:
        """The process has ended, or was told to."""
        if not self._is_closing:
            log.warning("helper ended", extra={"helper": self._name})
        self._link = None
        if self._sharing:
            self._sharing.close()
            self._sharing = None
        for call in self._pending.values():
            if not call.answer.done():
                call.answer.set_exception(self._ended())
        self._pending.clear()
        self._alarm.clear()
        self._alarm.close()

    def _settle(self, header: dict[str, Any], body: dict[str, tensors.Tensor]) -> None:
        if self._sharing:
            body = self._sharing.take_out(header["id"], body)
        answer = self._pending.pop(header["id"]).answer
        self._watch()
        if answer.done():  # the caller gave up
            return
        if "error" in header:
            answer.set_exception(_rebuild_error(header))
        else:
            answer.set_result((header["result"], body))

    async def close(self) -> None:
        """End the process: it stops by itself when the connection closes. One that is being forked is not waited for."""
        self._is_closing = True
        if self._link is None or self._process is None:
            return
        await _hang_up(self._link)
        await asyncio.to_thread(self._process.join, STOP_GRACE_S)
        if self._process.is_alive():
            self._process.kill()
        self._process = None  # it has descriptors, and this may be around until the next collection


async def _hang_up(connection: link.Link) -> None:
    connection.close()
    try:
        async with asyncio.timeout(STOP_GRACE_S):
            await connection.ended.wait()
    except TimeoutError:  # the process is stuck, and does not read what it was sent
        connection.abort()


def _rebuild_error(header: Mapping[str, Any]) -> errors.DomainError:
    if header["error"] == "InvalidArgument":
        violations = [errors.Violation(**v) for v in header["violations"]]
        return errors.InvalidArgument(header["message"], violations=violations)
    kind = getattr(errors, header["error"], errors.DomainError)
    error: errors.DomainError = kind(header["message"])
    return error

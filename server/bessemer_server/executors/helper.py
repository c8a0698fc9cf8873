"""A helper process, forked and kept: requests go out and answers come back over a socket pair."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from bessemer_server.domain import errors, tensors
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.sharing import Sharing
from bessemer_server.worker import arena, frames

Body = Mapping[str, tensors.Tensor]
Answer = tuple[Any, dict[str, tensors.Tensor]]
log = logging.getLogger(__name__)

STOP_GRACE_S = 2.0


class Helper:
    """One process that answers requests in the order in which they come. Forked at the first call, and again after it
    died: what it was asked then fails with `Unavailable`, and `generation` tells callers that its memory is new.
    """

    ENDED = "HELPER_ENDED"
    """Reason of that error."""

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
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._starting = asyncio.Lock()
        self._process: BaseProcess | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.generation = 0
        """Counts the processes so far."""

    @property
    def is_alive(self) -> bool:
        """Whether the process is there, as far as is known."""
        return self._writer is not None

    async def call(
        self, method: str, arguments: Mapping[str, Any], body: Body | None = None, *, answer_bytes: int = 0
    ) -> Answer:
        """Ask, and wait for the answer, whose tensors may have `answer_bytes`. Raises what the helper raised, or `Unavailable`
        when it died.
        """
        writer = await self.start()
        request_id = next(self._ids)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = answer
        header = {"id": request_id, "method": method, "arguments": arguments}
        try:
            writer.writelines(self._encode(header, body or {}, answer_bytes))
            async with asyncio.timeout(self._patience_s):
                await writer.drain()
                return await answer
        except TimeoutError as error:
            self._end_stuck(method)
            raise errors.Unavailable(
                f"the {self._name} process gave no answer for {self._patience_s:g} s and was ended; try again",
                reason="HELPER_STUCK",
            ) from error
        except (ConnectionError, BrokenPipeError) as error:
            if self._reading is not None:  # until it is known that the process is gone
                await asyncio.wait({self._reading})
            raise errors.Unavailable(
                f"the {self._name} process ended; try again", reason=Helper.ENDED
            ) from error
        finally:
            self._pending.pop(request_id, None)

    def _encode(self, header: dict[str, Any], body: Body, answer_bytes: int) -> list[bytes | memoryview]:
        if self._sharing is None:
            return frames.encode(header, body)
        return self._sharing.encode(header, body, answer_bytes)

    def _end_stuck(self, method: str) -> None:
        log.error("helper stuck", extra={"helper": self._name, "method": method})
        if self._process is not None:
            self._process.kill()  # its connection closes, and the next call forks it again

    async def start(self) -> asyncio.StreamWriter:
        """Fork the process unless it is there."""
        async with self._starting:
            if self._writer is None:
                await self._fork()
            assert self._writer is not None
            return self._writer

    async def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        memory = arena.create(self._arena_bytes)
        shared = (memory,) if self._arena_bytes else ()
        try:
            self._process = await self._forkserver.fork(
                self._name, self._target, theirs, *shared, *self._arguments, daemon=True
            )
        except BaseException:
            ours.close()
            if memory:
                memory.close()
            raise
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._sharing = Sharing(memory) if memory else None
        self.generation += 1
        self._reading = asyncio.create_task(self._read(reader, self._writer))
        log.debug("helper started", extra={"helper": self._name, "pid": self._process.pid})

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head_bytes, body_bytes = frames.PREFIX.unpack(await reader.readexactly(frames.PREFIX.size))
                head = await reader.readexactly(head_bytes)
                body = await reader.readexactly(body_bytes)
                self._settle(*frames.decode(head, body, self._sharing.view if self._sharing else None))
        except (asyncio.IncompleteReadError, ConnectionError):
            log.warning("helper ended", extra={"helper": self._name})
        finally:
            writer.close()
            self._writer = None
            if self._sharing:
                self._sharing.close()
                self._sharing = None
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(
                        errors.Unavailable(f"the {self._name} process ended; try again", reason=Helper.ENDED)
                    )

    def _settle(self, header: dict[str, Any], body: dict[str, tensors.Tensor]) -> None:
        if self._sharing:
            body = self._sharing.take_out(header["id"], body)
        answer = self._pending.get(header["id"])
        if answer is None or answer.done():  # the caller gave up
            return
        if "error" in header:
            answer.set_exception(_rebuild_error(header))
        else:
            answer.set_result((header["result"], body))

    async def close(self) -> None:
        """End the process: it stops by itself when the connection closes."""
        if self._writer is None or self._reading is None or self._process is None:
            return
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.to_thread(self._process.join, STOP_GRACE_S)
        if self._process.is_alive():
            self._process.kill()


def _rebuild_error(header: Mapping[str, Any]) -> errors.DomainError:
    if header["error"] == "InvalidArgument":
        violations = [errors.Violation(**v) for v in header["violations"]]
        return errors.InvalidArgument(header["message"], violations=violations)
    kind = getattr(errors, header["error"], errors.DomainError)
    error: errors.DomainError = kind(header["message"])
    return error

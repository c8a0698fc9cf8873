"""The loop of a helper process: read a request, answer it, until the server is gone.

What a device computes by itself is not waited for: the next request is read meanwhile, so that the device finds it there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import select
import signal
import socket
import traceback
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bessemer_server.domain import errors, tensors
from bessemer_server.training import pending
from bessemer_server.worker import frames
from bessemer_server.worker.arena import Arena

Body = Mapping[str, tensors.Tensor]
JOINED_BYTES = 64 * 1024
"""An answer of at most so many bytes is sent as one piece."""
Result = tuple[Any, Body]
Handler = Callable[[Mapping[str, Any], Body], Result | pending.Pending[Result]]
_Frame = Sequence[bytes | memoryview]


def serve(
    connection: socket.socket,
    handlers: Mapping[str, Handler],
    arena: Arena | None = None,
    *,
    ahead: Collection[str] = (),
) -> None:
    """Answer requests in order; returns when the other end closes. A request may say where in the `arena` is room for the
    answer's tensors; those that find none go over the connection. Methods `ahead` begin while results are pending, all others when
    nothing is.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the server, which closes this connection in its time.
    shared = arena.view if arena else None
    asked: deque[pending.Pending[_Frame]] = deque()
    with (
        contextlib.suppress(
            ConnectionError
        ),  # the other end is gone amid a request, or before it had its answer
        connection,
        _Incoming(connection) as incoming,
        io.BufferedReader(incoming) as stream,
    ):
        while True:
            while asked and (len(asked) == pending.AT_ONCE or asked[0].done()):
                _send(connection, asked.popleft().result())
            # Looked for again and again: that a device is done cannot be waited for together with what may come.
            if asked and not incoming.has_come(stream):
                continue
            prefix = stream.read(frames.PREFIX.size)
            if not prefix:
                return
            head_bytes, body_bytes = frames.PREFIX.unpack(prefix)
            request, body = frames.decode(stream.read(head_bytes), stream.read(body_bytes), shared)
            while asked and request["method"] not in ahead:
                _send(connection, asked.popleft().result())
            asked.append(_begin(request, body, handlers, shared))
            del body


class _Incoming(io.RawIOBase):
    """What comes over a connection. It waits in `poll`, since who waits in `recv` is woken once more for each answer: when the other
    end has read it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._patience_ms: int | None = None

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """See `io.RawIOBase`."""
        if not self._poll.poll(self._patience_ms):
            return None
        return self._connection.recv_into(buffer)

    def has_come(self, stream: io.BufferedReader[Any]) -> bool:
        """Whether there is something to read, here or in the stream over this."""
        self._patience_ms = 0
        try:
            return bool(stream.peek(1))
        finally:
            self._patience_ms = None


def _begin(
    request: dict[str, Any], body: Body, handlers: Mapping[str, Handler], shared: memoryview | None
) -> pending.Pending[_Frame]:
    """The frame that answers a request, as soon as it can be had."""
    head = {"id": request["id"]}
    try:
        begun = handlers[request["method"]](request["arguments"], body)
    except Exception as error:  # A helper must outlive any single request.
        return pending.of(frames.encode(head | _describe(error), {}))
    going = begun if isinstance(begun, pending.Pending) else pending.of(begun)
    place = _Room(shared, *request["room"]).place if shared and "room" in request else None

    def answer() -> _Frame:
        try:
            result, tensors_out = going.result()
        except Exception as error:
            return frames.encode(head | _describe(error), {})
        return frames.encode(head | {"result": result}, tensors_out, place)

    return pending.Pending(going.done, answer)


def _send(connection: socket.socket, pieces: _Frame) -> None:
    if sum(map(len, pieces)) <= JOINED_BYTES:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        connection.sendall(piece)


class _Room:
    """The part of shared memory that an answer may fill."""

    def __init__(self, shared: memoryview, start: int, size_bytes: int) -> None:
        self._shared = shared
        self._start, self._end = start, start + size_bytes

    def place(self, tensor: tensors.Tensor) -> int | None:
        """See `frames.Place`."""
        start, size = self._start, tensor.size_bytes
        if start + size > self._end:
            return None
        frames.copy(tensor, self._shared, start)
        self._start += size
        return start


def _describe(error: Exception) -> dict[str, Any]:
    if isinstance(error, errors.InvalidArgument):
        violations = [dataclasses.asdict(v) for v in error.violations]
        return {"error": "InvalidArgument", "message": error.message, "violations": violations}
    if isinstance(error, errors.DomainError):
        return {"error": type(error).__name__, "message": error.message}
    traceback.print_exception(error)
    return {"error": "DomainError", "message": f"{type(error).__name__}: {error}"}

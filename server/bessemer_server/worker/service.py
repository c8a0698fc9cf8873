"""The loop of a helper process: read a request, answer it, until the server is gone."""

from __future__ import annotations

import dataclasses
import io
import select
import signal
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bessemer_server.domain import errors, tensors
from bessemer_server.worker import frames
from bessemer_server.worker.arena import Arena

Body = Mapping[str, tensors.Tensor]
JOINED_BYTES = 64 * 1024
"""An answer of at most so many bytes is sent as one piece."""
Handler = Callable[[Mapping[str, Any], Body], tuple[Any, Body]]


def serve(connection: socket.socket, handlers: Mapping[str, Handler], arena: Arena | None = None) -> None:
    """Answer requests in order; returns when the other end closes. A request may say where in the `arena` is room for the
    answer's tensors; those that find none go over the connection.
    """
    shared = arena.view if arena else None
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the server, which closes this connection in its time.
    with connection, io.BufferedReader(_Incoming(connection)) as stream:
        while prefix := stream.read(frames.PREFIX.size):
            head_bytes, body_bytes = frames.PREFIX.unpack(prefix)
            request, body = frames.decode(stream.read(head_bytes), stream.read(body_bytes), shared)
            place = _Room(shared, *request["room"]).place if shared and "room" in request else None
            _send(connection, frames.encode(*_answer(handlers, request, body), place))
            del body


class _Incoming(io.RawIOBase):
    """What comes over a connection. It waits in `poll`, since who waits in `recv` is woken once more for each answer: when the other
    end has read it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        self._poll.poll()
        return self._connection.recv_into(buffer)


def _send(connection: socket.socket, pieces: Sequence[bytes | memoryview]) -> None:
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


def _answer(
    handlers: Mapping[str, Handler], request: dict[str, Any], body: Body
) -> tuple[dict[str, Any], Body]:
    try:
        result, tensors_out = handlers[request["method"]](request["arguments"], body)
    except errors.InvalidArgument as error:
        violations = [dataclasses.asdict(v) for v in error.violations]
        return {
            "id": request["id"],
            "error": "InvalidArgument",
            "message": error.message,
            "violations": violations,
        }, {}
    except errors.DomainError as error:
        return {"id": request["id"], "error": type(error).__name__, "message": error.message}, {}
    except Exception as error:  # A helper must outlive any single request.
        traceback.print_exc()
        return {
            "id": request["id"],
            "error": "DomainError",
            "message": f"{type(error).__name__}: {error}",
        }, {}
    return {"id": request["id"], "result": result}, tensors_out

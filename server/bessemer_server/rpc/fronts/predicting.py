"""Predictions as bytes, without a library of gRPC between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from google.rpc import status_pb2

from bessemer_server.domain import errors as domain_errors
from bessemer_server.rpc import errors
from bessemer_server.rpc.http2 import messages
from bessemer_server.rpc.http2.stream import Stream

METHOD = "ModelInfer"
PATH = "/inference.GRPCInferenceService/ModelInfer"
DETAILS = "grpc-status-details-bin"
ACCEPTED = "grpc-accept-encoding"

Infer = Callable[[bytes | memoryview, float | None], Awaitable[bytes]]
"""From a ModelInferRequest and the seconds that are left to a ModelInferResponse. Raises `Refusal`."""


class Refusal(Exception):
    """A prediction was refused."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class PredictionCall:
    """See `http2.stream.Call`."""

    __slots__ = ("_has_message", "_infer", "_message", "_stream", "_task")
    weight = 16

    def __init__(self, stream: Stream, infer: Infer) -> None:
        self._stream = stream
        self._infer = infer
        self._message: bytes | None = None
        """Until it is being answered: from then on nobody keeps it longer than the answer takes."""
        self._has_message = False
        self._task: asyncio.Task[None] | None = None

    def receive(self, message: bytes) -> None:
        """The request."""
        if self._has_message:
            raise domain_errors.InvalidArgument(f"{METHOD} takes one message; ModelStreamInfer takes many")
        self._message, self._has_message = message, True

    def end(self) -> None:
        """It can be answered."""
        message, self._message = self._message, None
        if message is None:
            refuse(self._stream, domain_errors.InvalidArgument(f"{METHOD} takes one message; none came"))
            return
        if self._stream.left_s == 0:
            refuse(self._stream, domain_errors.DeadlineExceeded("the deadline passed while the request came"))
            return
        self._task = asyncio.get_running_loop().create_task(self._answer(message))

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._message = None
        # A task that was cancelled knows what it was at, and that is this call.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def drain(self) -> None:
        """Nothing follows the one answer."""

    async def _answer(self, message: bytes) -> None:
        try:
            answer = await self._infer(message, self._stream.left_s)
        except Refusal as refusal:
            finish(self._stream, refusal.status)
        else:
            self._stream.answer(answer)


def refuse(stream: Stream, error: domain_errors.DomainError) -> None:
    """End a call with an error."""
    known = [(ACCEPTED, messages.ENCODINGS)] if isinstance(error, domain_errors.Unimplemented) else []
    finish(stream, errors.to_status(error), known)


def finish(stream: Stream, status: status_pb2.Status, metadata: Iterable[tuple[str, str]] = ()) -> None:
    """End a call with a status, its details and whatever else is to be told."""
    stream.finish(status.code, status.message, [(DETAILS, status.SerializeToString()), *metadata])

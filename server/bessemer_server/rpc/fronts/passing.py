"""Calls that go on to the server as they came: bytes, whatever their method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, NamedTuple, TypeVar

import grpc

from bessemer_server.rpc.http2.headers import Metadata
from bessemer_server.rpc.http2.stream import Stream

T = TypeVar("T")
SENT_AHEAD_BYTES = 64 << 10
"""So much of an answer may wait for a client that reads slowly; then the server waits too."""


class Upstream:
    """The server, over a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def accept(self, stream: Stream) -> PassedCall:
        """A call of any method: on the wire, one message is a stream of one."""
        return PassedCall(stream, self._channel)


class PassedCall:
    """See `http2.stream.Call`."""

    weight = 256

    def __init__(self, stream: Stream, channel: grpc.aio.Channel) -> None:
        self._stream = stream
        self._channel = channel
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._drained = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def receive(self, message: bytes) -> None:
        """The client sent it."""
        self._messages.put_nowait(message)

    def end(self) -> None:
        """The client has sent everything."""
        self._messages.put_nowait(None)

    def cancel(self) -> None:
        """The client is gone."""
        self._task.cancel()

    def drain(self) -> None:
        """The client has what was sent."""
        self._drained.set()

    async def _run(self) -> None:
        head, left_s = self._stream.head, self._stream.left_s
        if left_s == 0:  # gRPC's own library would take it for an error of its own
            self._stream.finish(grpc.StatusCode.DEADLINE_EXCEEDED.value[0], "the deadline has passed")
            return
        start: Any = self._channel.stream_stream(head.path)
        answers = start(self._requests(), timeout=left_s, metadata=head.metadata())
        ends: list[_End] = []
        answers.add_done_callback(lambda ended: ends.append(_read_end(ended)))
        try:
            async for answer in answers:
                self._stream.send(answer)
                await self._keep_pace()
            end = _read_end(answers)
        except grpc.aio.AioRpcError:
            end = ends[0]
        finally:
            answers.cancel()
            self.end()  # grpc.aio does not end who waits for a further request of a call that was answered before
        self._stream.finish(*end)

    async def _requests(self) -> AsyncIterator[bytes]:
        while (message := await self._messages.get()) is not None:
            yield message
            self._stream.consume(len(message))

    async def _keep_pace(self) -> None:
        """With a client that reads slowly."""
        while self._stream.pending_bytes > SENT_AHEAD_BYTES:
            self._drained.clear()
            await self._drained.wait()


class _End(NamedTuple):
    code: int
    details: str
    metadata: Metadata


def _read_end(call: Any) -> _End:
    """How a call that is over has ended. Read at once: grpc.aio forgets what the server said when a message was still on its way
    there (https://github.com/grpc/grpc/issues/36066).
    """
    trailing = _result(call.trailing_metadata()) or ()
    code: grpc.StatusCode = _result(call.code())
    return _End(code.value[0], _result(call.details()) or "", tuple((k, v) for k, v in trailing))


def _result(coroutine: Coroutine[Any, Any, T]) -> T:
    """Of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        found: T = returned.value
        return found
    coroutine.close()
    raise RuntimeError("the call is not over")

"""Calls that go on to the server as they came: bytes, whatever their method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, NamedTuple, TypeVar

import grpc

T = TypeVar("T")
OWN = frozenset({"user-agent", "content-type", "te"})
"""Metadata that each connection has of its own, beside gRPC's and HTTP's."""
RESERVED = ("grpc-", ":")
NAMES_MAX = 1000
Metadata = tuple[tuple[str, Any], ...]


class Upstream:
    """The server, over a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._handlers: dict[str, Any] = {}

    def handler(self, method: str) -> Any:
        """Of any method: on the wire, one message is a stream of one."""
        if method not in self._handlers:
            if len(self._handlers) >= NAMES_MAX:  # somebody makes them up
                self._handlers.clear()
            self._handlers[method] = grpc.stream_stream_rpc_method_handler(self._make(method))
        return self._handlers[method]

    def _make(self, method: str) -> Any:
        start: Any = self._channel.stream_stream(method)

        async def call(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> None:
            metadata = _pass_on(context.invocation_metadata())
            answers = start(requests, timeout=context.time_remaining(), metadata=metadata)
            ends: list[_End] = []
            answers.add_done_callback(lambda ended: ends.append(_read_end(ended)))
            try:
                async for answer in answers:
                    await context.write(answer)
                context.set_trailing_metadata(_read_end(answers).metadata)
            except grpc.aio.AioRpcError:
                code, details, trailing = ends[0]
                await context.abort(code, details, trailing)
            finally:
                answers.cancel()

        return call


def _pass_on(metadata: Any) -> Metadata:
    """What the client itself has sent."""
    return tuple((k, v) for k, v in metadata or () if k not in OWN and not k.startswith(RESERVED))


class _End(NamedTuple):
    code: grpc.StatusCode
    details: str
    metadata: Metadata


def _read_end(call: Any) -> _End:
    """How a call that is over has ended. Read at once: grpc.aio forgets what the server said when a message was still on its way
    there (https://github.com/grpc/grpc/issues/36066).
    """
    trailing = _result(call.trailing_metadata()) or ()
    return _End(_result(call.code()), _result(call.details()) or "", tuple((k, v) for k, v in trailing))


def _result(coroutine: Coroutine[Any, Any, T]) -> T:
    """Of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        found: T = returned.value
        return found
    coroutine.close()
    raise RuntimeError("the call is not over")

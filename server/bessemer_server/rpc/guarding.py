"""What surrounds every call: errors become statuses, and nothing else ever leaves the server."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from bessemer_server.domain import errors as domain_errors
from bessemer_server.rpc import errors, traffic

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic for mypy only

T = TypeVar("T")
D = TypeVar("D", bound=bytes | memoryview)
log = logging.getLogger(__name__)


class GuardedServer:
    """A server to register services with: errors that their handlers raise become statuses.

    The domain's errors become rich statuses, whatever else is raised becomes INTERNAL without its text. No interceptor, since
    grpc.aio would run that anew for each call: handlers are wrapped once, when they are registered.
    """

    def __init__(self, server: grpc.aio.Server, calls: traffic.Traffic) -> None:
        self._server = server
        self._calls = calls

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """See `grpc.aio.Server`."""
        self._server.add_generic_rpc_handlers([_GuardedHandlers(each, self._calls) for each in handlers])

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """See `grpc.aio.Server`; generated code calls both, and the generic ones suffice."""


class _GuardedHandlers(grpc.GenericRpcHandler):
    def __init__(self, inner: grpc.GenericRpcHandler, calls: traffic.Traffic) -> None:
        self._inner = inner
        self._calls = calls
        self._guarded: dict[str, Handler] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a method of this service; None for any other."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = self._inner.service(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = _guard(method, handler, self._calls)
        return self._guarded[method]


def _guard(method: str, handler: Handler, calls: traffic.Traffic) -> Handler:
    if handler.response_streaming:
        behavior = handler.stream_stream or handler.unary_stream
        make: Any = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        is_generator = inspect.isasyncgenfunction(behavior)
        wrapped: Any = (_guard_stream if is_generator else _guard_unary)(method, behavior, calls)
    else:
        behavior = handler.stream_unary or handler.unary_unary
        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        wrapped = _guard_unary(method, behavior, calls)
    deserialize = handler.request_deserializer
    if deserialize is not None:
        deserialize = _guard_deserializer(deserialize)
    guarded: Handler = make(wrapped, deserialize, handler.response_serializer)
    return guarded


@dataclasses.dataclass(frozen=True, slots=True)
class _Undecodable:
    """Stands for a request that is no message: raised where errors become statuses."""

    error: domain_errors.DomainError


def decode(deserialize: Callable[[D], T], data: D) -> T:
    """The message. Raises `InvalidArgument` for bytes that are none, and what `deserialize` raises of the domain's errors."""
    try:
        return deserialize(data)
    except domain_errors.DomainError:
        raise
    except Exception as error:  # protobuf's implementations have no error in common
        raise domain_errors.InvalidArgument(
            f"the request ({len(data):,} bytes) cannot be decoded as the message of this method; send one that was made "
            "from the service's protos"
        ) from error


def _guard_deserializer(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def call(data: bytes) -> Any:
        try:
            return decode(deserialize, data)
        except domain_errors.DomainError as error:
            return _Undecodable(error)

    return call


def _check(request: Any) -> Any:
    """The request, or the stream of them, in which one that cannot be decoded is raised as an error."""
    if isinstance(request, _Undecodable):
        raise request.error
    return _check_each(request) if isinstance(request, AsyncIterator) else request


async def _check_each(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in stream:
        if isinstance(request, _Undecodable):
            raise request.error
        yield request


def _guard_unary(method: str, behavior: Any, calls: traffic.Traffic) -> Any:
    """For what returns its answer, and for streams that write theirs to the context, as the health service does."""

    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            calls.check()
            return await behavior(_check(request), context)
        except Exception as error:
            await _abort(method, error, context)

    return call


def _guard_stream(method: str, behavior: Any, calls: traffic.Traffic) -> Any:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            calls.check()
            async for response in behavior(_check(request), context):
                yield response
        except Exception as error:
            await _abort(method, error, context)

    return call


async def _abort(method: str, error: Exception, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    if isinstance(error, grpc.aio.BaseError | asyncio.CancelledError):
        raise error  # gRPC's own: aborted already, or the caller or the server is gone
    await context.abort_with_status(errors.to_grpc(translate(method, error)))


def translate(method: str, error: Exception) -> domain_errors.DomainError:
    """What the caller is told: an error that nobody foresaw stays in the log."""
    if isinstance(error, domain_errors.DomainError):
        return error
    log.error("call failed", extra={"method": method}, exc_info=error)
    return domain_errors.DomainError("internal error; the server's log has the details")

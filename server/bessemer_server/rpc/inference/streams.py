"""Predictions over one stream: computed side by side, answered in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import errors as rpc_errors
from bessemer_server.rpc.inference import frugal, rooms

AHEAD = 64
"""Requests of one stream that are under way at a time; further ones stay with the client."""

Infer = Callable[[frugal.Decoded], Awaitable[pb.ModelInferResponse]]
Outcome = pb.ModelInferResponse | errors.DomainError
Pending = tuple[str, asyncio.Future[Outcome]]
"""The id of a request, and what becomes of it: the request itself is not kept until its client reads the answer."""


class Sent:
    """A request of a stream, until it is taken: gRPC keeps each one until the next has come, and that may be long."""

    __slots__ = ("_asked",)

    def __init__(self, asked: frugal.Decoded) -> None:
        self._asked = [asked]

    def take(self) -> frugal.Decoded:
        """The request; once."""
        return self._asked.pop()


def decode(data: bytes) -> Sent:
    """See `frugal.decode`."""
    return Sent(frugal.decode(data))


async def answer_each(
    stream: AsyncIterator[Sent], infer: Infer, room: rooms.Room, *, over: asyncio.Event, is_strict: bool
) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
    """One answer for each request of the stream. A request that fails is answered with its error, or ends the stream where
    that `is_strict`. Raises `Unavailable` when the service is `over` and nothing waits for its answer.
    """
    waiting: asyncio.Queue[Pending | None] = asyncio.Queue(maxsize=AHEAD)
    tasks: set[asyncio.Future[Any]] = set()

    def settle(task: asyncio.Future[Any]) -> None:
        tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: behind one that ends the stream nobody waits for it, and that is no news

    async def read() -> None:
        async for sent in stream:
            pending = await _begin(sent.take(), infer, room)
            tasks.add(pending[1])
            pending[1].add_done_callback(settle)
            await waiting.put(pending)

    reading = asyncio.ensure_future(read())
    reading.add_done_callback(settle)
    ending = asyncio.ensure_future(over.wait())
    for each in (reading, ending):
        each.add_done_callback(lambda _: _wake(waiting))
    try:
        while not (reading.done() and waiting.empty()):
            if over.is_set() and waiting.empty():
                raise errors.stopping()
            pending = await waiting.get()
            if pending is not None:
                yield await _answer(*pending, is_strict=is_strict)
        reading.result()
    finally:
        for task in (reading, ending, *tasks):
            task.cancel()


def _wake(waiting: asyncio.Queue[Pending | None]) -> None:
    """The end of the stream, or of the service: whoever waits for the next request must hear of it; a full queue wakes them anyway."""
    if not waiting.full():
        waiting.put_nowait(None)


async def _begin(asked: frugal.Decoded, infer: Infer, room: rooms.Room) -> Pending:
    """Let it be answered, when there is room for it."""
    request_id, size = asked.message.id, asked.size_bytes
    try:
        await room.take(size)
    except errors.ResourceExhausted as error:
        refused: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        refused.set_result(_without_origin(error))
        return request_id, refused
    task = asyncio.ensure_future(_infer(asked, infer))
    task.add_done_callback(lambda _: room.give_back(size))
    return request_id, task


async def _infer(asked: frugal.Decoded, infer: Infer) -> Outcome:
    try:
        return await infer(asked)
    except errors.DomainError as error:
        return _without_origin(error)


def _without_origin(error: errors.DomainError) -> errors.DomainError:
    """Where it was raised knows the request, which may be large, and may wait long for its client to read what is before it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


async def _answer(
    request_id: str, task: asyncio.Future[Outcome], *, is_strict: bool
) -> pb.ModelStreamInferResponse:
    outcome = await task
    if not isinstance(outcome, errors.DomainError):
        outcome.parameters["triton_final_response"].bool_param = True
        return pb.ModelStreamInferResponse(infer_response=outcome)
    if is_strict:
        raise outcome
    failed = pb.ModelInferResponse(id=request_id)
    return pb.ModelStreamInferResponse(error_message=rpc_errors.to_message(outcome), infer_response=failed)

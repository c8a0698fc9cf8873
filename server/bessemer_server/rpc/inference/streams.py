"""Predictions over one stream: computed side by side, answered in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import errors as rpc_errors
from bessemer_server.rpc.inference import frugal

AHEAD = 64
"""Requests of one stream that are under way at a time; further ones stay with the client."""

Infer = Callable[[frugal.Decoded], Awaitable[pb.ModelInferResponse]]
Pending = tuple[frugal.Decoded, asyncio.Future[pb.ModelInferResponse]]


async def answer_each(
    stream: AsyncIterator[frugal.Decoded], infer: Infer, *, is_strict: bool
) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
    """One answer for each request of the stream. A request that fails is answered with its error, or ends the stream where
    that `is_strict`.
    """
    waiting: asyncio.Queue[Pending | None] = asyncio.Queue(maxsize=AHEAD)
    tasks: set[asyncio.Future[Any]] = set()

    def settle(task: asyncio.Future[Any]) -> None:
        tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: behind one that ends the stream nobody waits for it, and that is no news

    async def read() -> None:
        async for request in stream:
            task = asyncio.ensure_future(infer(request))
            tasks.add(task)
            task.add_done_callback(settle)
            await waiting.put((request, task))

    reading = asyncio.ensure_future(read())
    reading.add_done_callback(settle)
    reading.add_done_callback(lambda _: _wake(waiting))
    try:
        while not (reading.done() and waiting.empty()):
            pending = await waiting.get()
            if pending is not None:
                yield await _answer(*pending, is_strict=is_strict)
        reading.result()
    finally:
        for task in (reading, *tasks):
            task.cancel()


def _wake(waiting: asyncio.Queue[Pending | None]) -> None:
    """The end of the stream: whoever waits for the next request must hear of it; a full queue wakes them anyway."""
    if not waiting.full():
        waiting.put_nowait(None)


async def _answer(
    request: frugal.Decoded, task: asyncio.Future[pb.ModelInferResponse], *, is_strict: bool
) -> pb.ModelStreamInferResponse:
    try:
        response = await task
    except errors.DomainError as error:
        if is_strict:
            raise
        failed = pb.ModelInferResponse(id=request.message.id)
        return pb.ModelStreamInferResponse(error_message=rpc_errors.to_message(error), infer_response=failed)
    response.parameters["triton_final_response"].bool_param = True
    return pb.ModelStreamInferResponse(infer_response=response)

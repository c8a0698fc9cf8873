"""Nothing of a call stays when it is over: what Python's collector has to find may be hundreds of megabytes."""

from __future__ import annotations

import asyncio
import gc

import pytest

from bessemer_server.domain import errors
from bessemer_server.rpc import errors as rpc_errors
from bessemer_server.rpc.fronts import predicting
from bessemer_server.rpc.http2 import connection, frames, headers, inflating, messages
from tests.unit.rpc.http2.wires import HEAD

SIZE = 100_000
MESSAGE = b"\0" + SIZE.to_bytes(4, "big") + bytes(SIZE)


def held() -> int:
    return sum(type(one) is predicting.PredictionCall for one in gc.get_objects())


async def answer(request: bytes | memoryview, left_s: float | None) -> bytes:
    return b"answer"


async def refuse(request: bytes | memoryview, left_s: float | None) -> bytes:
    error = errors.InvalidArgument("no")
    raise predicting.Refusal(rpc_errors.to_status(error)) from error


async def wait(request: bytes | memoryview, left_s: float | None) -> bytes:
    await asyncio.sleep(600)
    return b""


@pytest.mark.parametrize(
    ("infer", "end"),
    [(answer, "whole"), (refuse, "whole"), (wait, "whole"), (wait, "lost"), (answer, "two messages"), (answer, "reset")],
)  # fmt: skip
async def test_a_call_is_gone_when_it_is_over(infer, end):
    budget = messages.Budget(1 << 30)
    later = inflating.Turns(asyncio.get_running_loop().call_soon).add
    line = connection.Connection(
        lambda stream: predicting.PredictionCall(stream, infer),
        predicting.refuse,
        budget,
        lambda: None,
        later,
    )
    line.receive(frames.PREFACE + frames.settings({}))
    gc.collect()
    before = held()  # by other tests
    gc.disable()
    try:
        block = headers.encode(HEAD)
        line.receive(frames.frame(frames.HEADERS, frames.END_HEADERS, 1, block))
        flags = frames.END_STREAM if end in ("whole", "lost") else 0
        line.receive(frames.frame(frames.DATA, flags, 1, MESSAGE))
        assert held() == before + 1
        if end == "two messages":
            line.receive(frames.frame(frames.DATA, 0, 1, MESSAGE))
        for _ in range(5):
            await asyncio.sleep(0)
        if end == "reset" or (infer is wait and end == "whole"):
            line.receive(frames.reset(1, frames.Code.CANCEL))
        if end == "lost":
            line.lose()
        for _ in range(5):
            await asyncio.sleep(0)
        assert held() == before
        assert budget.used == 0
    finally:
        gc.enable()

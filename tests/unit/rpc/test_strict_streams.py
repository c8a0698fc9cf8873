"""A stream that ends with its first error leaves no other error for the log."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import frugal, rooms, streams


async def test_the_errors_behind_the_first_one_are_no_news():
    refused = 0
    all_are_there = asyncio.Event()

    async def requests():
        for _ in range(3):
            yield streams.Sent(frugal.Decoded(pb.ModelInferRequest(), []))

    async def refuse(request):
        nonlocal refused
        refused += 1
        if refused == 3:
            all_are_there.set()
        await all_are_there.wait()
        raise errors.InvalidArgument("no")

    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    answers = streams.answer_each(
        requests(), refuse, rooms.Room(rooms.Budget(1)), over=asyncio.Event(), is_strict=True
    )
    async with contextlib.aclosing(answers):
        with pytest.raises(errors.InvalidArgument):
            async for _ in answers:
                pass
    for _ in range(5):
        await asyncio.sleep(0)
    del answers
    gc.collect()
    assert refused == 3
    assert told == []

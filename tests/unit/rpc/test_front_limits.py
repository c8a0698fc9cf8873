"""What a process that receives calls holds of them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from bessemer_server.executors import memory
from bessemer_server.rpc.fronts import predicting, reserving
from bessemer_server.rpc.fronts.front import HELD_SHARE, Front
from bessemer_server.rpc.http2 import messages

MESSAGE_BYTES = 256 << 10


async def ask_two(processes, tmp_path):
    """Requests of the largest size at the same time, of one of so many processes: what came of each."""
    is_over = asyncio.Event()
    begun = []

    async def infer(request, left_s):
        begun.append(len(request))
        if len(begun) == 2:
            is_over.set()
        await is_over.wait()
        return b"done"

    async def ask():
        call: Any = channel.unary_unary(predicting.PATH)  # no serializers: bytes go and come
        try:
            return await call(bytes(MESSAGE_BYTES), timeout=10)
        except grpc.aio.AioRpcError as error:
            is_over.set()
            return str(error.details())

    address, kept = reserving.reserve("127.0.0.1:0")
    with kept:
        front = Front(kept, f"unix:{tmp_path}/nowhere", processes)
        await front.start(infer)
        async with grpc.aio.insecure_channel(address) as channel:
            found = await asyncio.gather(ask(), ask())
        await front.stop(0)
    return found


@pytest.mark.parametrize(("processes", "answered"), [(1, 2), (2, 1), (1000, 1)])
async def test_requests_take_one_part_of_the_memory_in_all_processes_together_and_the_largest_fits_alone(
    monkeypatch, tmp_path, processes, answered
):
    monkeypatch.setattr(messages, "MAX_BYTES", MESSAGE_BYTES)
    monkeypatch.setattr(memory, "available_bytes", lambda: HELD_SHARE * 2 * (MESSAGE_BYTES + 100))
    found = await ask_two(processes, tmp_path)
    assert found.count(b"done") == answered
    assert sum("bytes of requests" in str(each) for each in found) == 2 - answered

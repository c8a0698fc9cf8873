"""A stream that is open when the service stops is told so, when all that it asked for is answered."""

from __future__ import annotations

import asyncio

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import traffic
from bessemer_server.rpc.inference import frugal, rooms, streams

ROOM = rooms.STREAM_BYTES


class Client:
    """Sends as many requests as it has, and then nothing more for a long time."""

    def __init__(self, requests):
        self._requests = requests
        self.gate = asyncio.Event()

    async def send(self):
        for _ in range(self._requests):
            yield streams.Sent(frugal.Decoded(pb.ModelInferRequest(), []))
        await asyncio.Event().wait()

    async def infer(self, asked):
        await self.gate.wait()
        return pb.ModelInferResponse()


@pytest.mark.parametrize("requests", [0, 3])
async def test_it_ends_in_the_services_words_and_not_before_its_answers(requests):
    client, calls = Client(requests), traffic.Traffic()
    room = rooms.Room(rooms.Budget(ROOM))
    answers = streams.answer_each(client.send(), client.infer, room, over=calls.over, is_strict=False)
    read = 0

    async def read_all():
        nonlocal read
        async for _ in answers:
            read += 1

    reading = asyncio.create_task(read_all())
    for _ in range(10):
        await asyncio.sleep(0)
    await calls.close(0.01)
    for _ in range(10):
        await asyncio.sleep(0)
    assert reading.done() is (requests == 0)
    client.gate.set()
    with pytest.raises(errors.Unavailable, match="the service stops"):
        await reading
    assert read == requests

"""A client that does not read is cut, over a real connection, and told from where to go on."""

import asyncio
import contextlib
import dataclasses
from typing import Any

import grpc
import pytest

from bessemer_server.rpc import guarding, sending, traffic

SIZE = 64 * 1024


@dataclasses.dataclass
class Line:
    """A message with a cursor."""

    cursor: int

    def serialize(self):
        return self.cursor.to_bytes(4, "big") + bytes(SIZE)


async def count(ended, last):
    """Lines from 1."""
    try:
        for piece in sending.cut([Line(n) for n in range(1, last + 1)]):
            yield piece
    finally:
        ended.set()


@contextlib.asynccontextmanager
async def following(ended, last, patience_s):
    """A call that streams so many lines to the one who reads it."""

    async def follow(_request, context):
        await sending.send(count(ended, last), context, sending.Turns(), patience_s=patience_s)

    server = grpc.aio.server()
    method = grpc.unary_stream_rpc_method_handler(follow, response_serializer=Line.serialize)
    guarding.GuardedServer(server, traffic.Traffic()).add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("Test", {"Follow": method})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stream: Any = channel.unary_stream("/Test/Follow")
        yield stream(b"")
    await server.stop(0)


async def read(call, seen):
    """Cursors of all messages, in order."""
    while (message := await call.read()) is not grpc.aio.EOF:
        seen.append(int.from_bytes(message[:4], "big"))


async def test_who_reads_gets_everything():
    seen: list[int] = []
    async with following(asyncio.Event(), 40, 60.0) as call:
        await read(call, seen)
    assert seen == list(range(1, 41))


async def test_who_does_not_read_is_cut_and_told_from_where_to_go_on():
    ended, seen = asyncio.Event(), list[int]()
    async with following(ended, 400, 0.3) as call, asyncio.timeout(60):
        await ended.wait()  # what is followed is let go while the client still reads nothing
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await read(call, seen)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) < 400
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert f"the last message that was read, at most {len(seen)}" in (refusal.value.details() or "")

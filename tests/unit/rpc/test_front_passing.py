"""Calls that a front passes on: what the client sent with them arrives."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc

from bessemer_server.rpc.fronts import passing, predicting, reserving
from bessemer_server.rpc.http2 import messages
from bessemer_server.rpc.http2.server import Http2Server


@contextlib.asynccontextmanager
async def serve(handler):
    """A server of one method; its address."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Test", {"Ask": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


@contextlib.asynccontextmanager
async def receive(upstream):
    """What passes every call on; its address."""
    _, listening = reserving.reserve("127.0.0.1:0")
    with listening:
        front = Http2Server(upstream.accept, predicting.refuse, messages.Budget(1 << 20))
        await front.start(listening)
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        await front.stop(0)


async def test_metadata_of_the_client_go_on_and_come_back_whatever_their_names_begin_with():
    seen: list[tuple[str, Any]] = []

    async def answer(request, context):
        seen.extend(context.invocation_metadata())
        context.set_trailing_metadata((("tell", "back"),))
        return request

    async with (
        serve(grpc.unary_unary_rpc_method_handler(answer)) as address,
        grpc.aio.insecure_channel(address) as upstream,
        receive(passing.Upstream(upstream)) as front,
        grpc.aio.insecure_channel(front) as channel,
    ):
        ask: Any = channel.unary_unary("/Test/Ask")
        call = ask(b"x", metadata=(("tenant", "a"), ("team-bin", b"\x00\xff"), ("user", "b")))
        assert await call == b"x"
        assert ("tell", "back") in tuple(await call.trailing_metadata())
    assert {("tenant", "a"), ("team-bin", b"\x00\xff"), ("user", "b")} <= set(seen)


async def test_a_call_that_is_answered_before_its_client_has_ended_leaves_nothing_that_waits():
    async def answer(requests, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        yield b""

    async with (
        serve(grpc.stream_stream_rpc_method_handler(answer)) as address,
        grpc.aio.insecure_channel(address) as upstream,
        receive(passing.Upstream(upstream)) as front,
        grpc.aio.insecure_channel(front) as channel,
    ):
        ask: Any = channel.stream_stream("/Test/Ask")
        call = ask()
        await call.write(b"x")
        assert (await call.code(), await call.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")
        async with asyncio.timeout(10):
            await asyncio.gather(
                *(task for task in asyncio.all_tasks() if "_consume_request_iterator" in repr(task))
            )

"""Fronts end with the server that began them, however far they have come."""

from __future__ import annotations

import asyncio
import socket

import psutil
import pytest

from bessemer_server.domain import errors
from bessemer_server.rpc.fronts import frames, hub, predicting, reserving
from bessemer_server.rpc.fronts.frames import Kind
from bessemer_server.worker.frames import PREFIX


def fronts() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if hub.MODULE in child.cmdline():
                found.append(child)
        except psutil.Error:
            pass
    return found


async def refuse(request: bytes | memoryview, left_s: float | None) -> bytes:
    raise AssertionError("nobody asks")


@pytest.mark.parametrize("passes", [0, 1, 30, 300])
async def test_a_server_that_does_not_come_to_serve_ends_its_fronts_without_waiting(
    monkeypatch, tmp_path, passes
):
    monkeypatch.setattr(hub, "END_PATIENCE_S", 600)
    address, kept = reserving.reserve("127.0.0.1:0")
    with kept:
        begun = hub.Hub(address, f"unix:{tmp_path}/server.sock", 2)
        for _ in range(passes):
            await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            await begun.stop()
    assert fronts() == []


async def test_a_front_that_stands_still_is_replaced(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "STUCK_S", 1.5)
    address, kept = reserving.reserve("127.0.0.1:0")
    with kept:
        begun = hub.Hub(address, f"unix:{tmp_path}/server.sock", 2)
        await begun.start(refuse)
        stopped, other = before = fronts()
        place = stopped.cmdline().index(hub.MODULE)
        assert stopped.cmdline()[place + 1 : place + 4] == [address, f"unix:{tmp_path}/server.sock", "2"]
        await asyncio.sleep(3.5)  # two rounds, in which nobody stands still
        assert fronts() == before
        stopped.suspend()
        async with asyncio.timeout(30):
            while len(fronts()) != 2 or stopped in fronts():  # noqa: ASYNC110 - processes know no events
                await asyncio.sleep(0.05)
        assert other in fronts()
        await begun.stop()


async def test_a_front_is_not_late_before_its_server_has_come(monkeypatch):
    monkeypatch.setattr(hub, "START_S", 0.01)
    infer: asyncio.Future[predicting.Infer] = asyncio.get_running_loop().create_future()
    ours, theirs = socket.socketpair()
    with theirs:
        connection = hub._Connection(infer)
        await connection.open(ours)
        waiting = asyncio.create_task(connection.wait_until_stuck())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        infer.set_result(refuse)
        async with asyncio.timeout(10):
            await waiting


async def test_a_front_that_does_not_begin_is_ended_and_that_is_told(monkeypatch, tmp_path, caplog):
    address, kept = reserving.reserve("127.0.0.1:0")
    with kept:
        begun = hub.Hub(address, f"unix:{tmp_path}/server.sock", 1)
        await begun.start(refuse)
        monkeypatch.setattr(hub, "START_S", 0.5)
        real = frames.encode
        monkeypatch.setattr(
            frames,
            "encode",
            lambda kind, *args, **more: real(Kind.FREE if kind == Kind.LISTEN else kind, *args, **more),
        )
        (first,) = fronts()
        first.kill()
        async with asyncio.timeout(30):
            while hub.NOT_READY not in caplog.messages:  # noqa: ASYNC110 - processes know no events
                await asyncio.sleep(0.05)
        monkeypatch.setattr(frames, "encode", real)
        await begun.stop()
    assert "front stuck" in caplog.messages


async def test_a_call_that_is_taken_back_before_it_begins_leaves_nothing_behind():
    infer: asyncio.Future[predicting.Infer] = asyncio.get_running_loop().create_future()
    infer.set_result(refuse)
    connection = hub._Connection(infer)
    for kind in (Kind.REQUEST, Kind.CANCEL):  # as they come in one piece
        connection._receive(bytes(frames.encode(kind, 7)[0][PREFIX.size :]), b"")
    for _ in range(3):
        await asyncio.sleep(0)
    assert connection._calls == {}


async def test_fronts_that_cannot_listen_are_an_error_and_not_tried_for_ever(tmp_path):
    begun = hub.Hub("192.0.2.1:1", f"unix:{tmp_path}/server.sock", 2)
    async with asyncio.timeout(60):
        with pytest.raises(errors.Unavailable, match="a process that receives calls has ended"):
            await begun.start(refuse)
        await begun.stop()
    assert fronts() == []

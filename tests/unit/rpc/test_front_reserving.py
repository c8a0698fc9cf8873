"""A port is kept from others while its server lives, and from nobody afterwards."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bessemer_server.rpc.fronts import reserving
from bessemer_server.rpc.fronts.front import Front


async def answer_nothing(request, left_s):
    raise AssertionError("nothing is asked")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(reserving, "PATIENCE_S", 0.1)


def is_taken(address):
    with pytest.raises(OSError, match="in use"):
        reserving.reserve(address)
    return True


async def test_a_port_is_kept_from_the_moment_at_which_it_is_reserved(impatient):
    address, kept = reserving.reserve("127.0.0.1:0")
    front = Front(kept, "unix:/nowhere")
    assert is_taken(address)
    await front.start(answer_nothing)
    assert is_taken(address)
    await front.stop(0)
    kept.close()
    reserving.reserve(address)[1].close()


async def test_connections_that_linger_do_not_keep_it_from_the_next_server(impatient):
    address, kept = reserving.reserve("127.0.0.1:0")
    front = Front(kept, "unix:/nowhere")
    await front.start(answer_nothing)
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.read(1)  # it is accepted
    await front.stop(0)  # ends the connection, which the system then remembers for a minute
    kept.close()
    await reader.read()
    with reserving.reserve(address)[1] as again:
        assert again.getsockname()[1] == int(port)
        assert not is_listening(address)
    writer.close()


def is_listening(address):
    host, port = address.split(":")
    with socket.socket() as trial:
        return trial.connect_ex((host, int(port))) == 0

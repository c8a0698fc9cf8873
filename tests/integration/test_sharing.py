"""Memory that a helper process shares with the server: forked for real, filled, killed."""

import asyncio
import gc
import os
import pathlib
import signal
import socket

import numpy as np
import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor, join
from bessemer_server.executors import sharing
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.worker import arrays, service
from bessemer_server.worker.arena import Arena

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system has no memory files")
ARENA_BYTES = 1 << 20
SMALL, LARGE, TOO_LARGE = 16, sharing.SHARE_FROM, ARENA_BYTES + 1


def run_adder(connection: socket.socket, arena: Arena | None) -> None:
    """A helper that adds one to what it gets, and says where that was."""

    def add(_arguments, body):
        assert arena is not None
        shared = np.frombuffer(arena.view, np.uint8)
        given = {name: arrays.to_array(tensor) for name, tensor in body.items()}
        where = {name: bool(np.shares_memory(array, shared)) for name, array in given.items()}
        return where, {name: arrays.to_tensor(array + 1) for name, array in given.items()}

    def tell_pid(_arguments, _body):
        return os.getpid(), {}

    service.serve(connection, {"add": add, "pid": tell_pid}, arena)


@pytest.fixture(scope="module")
def forkserver():
    return ForkServer()


@pytest.fixture
async def helper(forkserver):
    made = Helper("adder", forkserver, run_adder, arena_bytes=ARENA_BYTES)
    yield made
    await made.close()


def tensor(size: int, value: int = 0) -> Tensor:
    return Tensor("UINT8", (size,), bytes([value]) * size)


def maps() -> int:
    """How many arenas this process has in its memory."""
    return pathlib.Path("/proc/self/maps").read_text().count("memfd:bessemer")


@pytest.mark.parametrize("answer_bytes", [0, 3 * LARGE])
async def test_large_tensors_are_shared_and_small_ones_sent(helper, answer_bytes):
    body = {"a": tensor(LARGE, 1), "b": tensor(SMALL, 2), "c": tensor(LARGE + 1, 3)}
    where, found = await helper.call("add", {}, body, answer_bytes=answer_bytes)
    assert where == {"a": True, "b": False, "c": True}
    assert {n: (t.shape, set(t.data)) for n, t in found.items()} == {
        "a": ((LARGE,), {2}), "b": ((SMALL,), {3}), "c": ((LARGE + 1,), {4})
    }  # fmt: skip


async def test_what_does_not_fit_is_sent(helper):
    where, found = await helper.call("add", {}, {"a": tensor(TOO_LARGE)})
    assert where == {"a": False}
    assert set(found["a"].data) == {1}


async def test_answers_that_are_larger_than_was_said_are_sent(helper):
    _, found = await helper.call("add", {}, {"a": tensor(4 * LARGE)}, answer_bytes=LARGE)
    assert set(found["a"].data) == {1}


async def test_the_rows_of_several_requests_are_put_together_in_the_memory(helper):
    parts = [tensor(LARGE, value) for value in range(3)]
    where, found = await helper.call("add", {}, {"a": join(parts)}, answer_bytes=3 * LARGE)
    assert where == {"a": True}
    assert bytes(found["a"].data) == b"".join(bytes([value + 1]) * LARGE for value in range(3))


async def test_many_requests_at_once_keep_apart_and_give_all_memory_back(helper):
    async def ask(value):
        size = LARGE * (1 + value % 5)
        where, found = await helper.call("add", {}, {"a": tensor(size, value)}, answer_bytes=size)
        assert set(found["a"].data) == {value + 1}
        return where["a"]

    shared = await asyncio.gather(*(ask(value) for value in range(60)))
    assert any(shared) and not all(shared)
    where, _ = await helper.call("add", {}, {"a": tensor(ARENA_BYTES)})
    assert where == {"a": True}


async def test_memory_of_a_caller_that_gave_up_is_given_back_when_the_helper_is_done_with_it(helper):
    await helper.call("pid", {})
    asking = asyncio.create_task(helper.call("add", {}, {"a": tensor(ARENA_BYTES)}))
    while not helper._pending:  # noqa: ASYNC110 - nothing tells when it has begun
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await helper.call("pid", {})  # answered after what came before
    assert (await helper.call("add", {}, {"a": tensor(ARENA_BYTES)}))[0] == {"a": True}


async def test_a_helper_that_is_killed_takes_its_memory_along(helper):
    before = maps()
    for _ in range(3):
        pid, _ = await helper.call("pid", {})
        assert maps() == before + 1
        os.kill(pid, signal.SIGSTOP)
        asking = asyncio.create_task(helper.call("add", {}, {"a": tensor(LARGE)}))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(errors.Unavailable):
            await asking
        while helper.is_alive:  # noqa: ASYNC110 - nothing tells when the end was noticed
            await asyncio.sleep(0.01)
        gc.collect()
        assert maps() == before

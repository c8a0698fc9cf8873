"""Helper processes: forked for real, asked, killed."""

import asyncio
import multiprocessing.forkserver
import os
import pathlib
import signal
import socket

import psutil
import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.worker import service


def run_echo(connection: socket.socket) -> None:
    """A helper that gives back what it gets, or fails as it is told."""

    def echo(arguments, body):
        return arguments, body

    def tell_pid(_arguments, _body):
        return os.getpid(), {}

    def die(_arguments, _body):
        os._exit(3)

    def fail(arguments, _body):
        if arguments["kind"] == "InvalidArgument":
            raise errors.InvalidArgument(violations=[errors.Violation("a.b", "must be c")])
        raise {"NotFound": errors.NotFound, "ValueError": ValueError}[arguments["kind"]]("gone")

    def wait(arguments, _body):
        with pathlib.Path(arguments["pipe"]).open("rb") as pipe:
            return len(pipe.read()), {}

    service.serve(connection, {"wait": wait, "echo": echo, "pid": tell_pid, "fail": fail, "die": die})


@pytest.fixture(scope="module")
def forkserver():
    return ForkServer()


@pytest.fixture
async def helper(forkserver):
    made = Helper("echo", forkserver, run_echo)
    await made.start()
    yield made
    await made.close()


async def test_arguments_and_tensors_come_back(helper):
    body = {"x": Tensor("UINT8", (3,), b"abc"), "y": Tensor("FP32", (0, 2), b"")}
    result, found = await helper.call("echo", {"a": [1, None]}, body)
    assert result == {"a": [1, None]}
    assert {name: (t.datatype, t.shape, bytes(t.data)) for name, t in found.items()} == {
        "x": ("UINT8", (3,), b"abc"),
        "y": ("FP32", (0, 2), b""),
    }


async def test_errors_keep_their_kind_and_their_violations(helper):
    with pytest.raises(errors.InvalidArgument) as invalid:
        await helper.call("fail", {"kind": "InvalidArgument"})
    assert invalid.value.violations == (errors.Violation("a.b", "must be c"),)
    with pytest.raises(errors.NotFound, match="gone"):
        await helper.call("fail", {"kind": "NotFound"})


async def test_an_unexpected_error_leaves_the_helper_alive(helper):
    with pytest.raises(errors.DomainError, match="ValueError: gone"):
        await helper.call("fail", {"kind": "ValueError"})
    assert (await helper.call("echo", {}))[0] == {}


async def test_a_helper_that_dies_fails_what_it_was_asked_and_is_forked_again(helper):
    first = (await helper.call("pid", {}))[0]
    with pytest.raises(errors.Unavailable, match="the echo process ended"):
        await helper.call("die", {})
    assert (await helper.call("pid", {}))[0] != first
    assert helper.generation == 2


async def test_a_helper_that_is_killed_while_idle_is_forked_again(helper):
    first = (await helper.call("pid", {}))[0]
    os.kill(first, signal.SIGKILL)
    while helper.is_alive:  # noqa: ASYNC110 - nothing tells when the end was noticed
        await asyncio.sleep(0.01)
    assert (await helper.call("pid", {}))[0] != first


async def test_a_helper_that_is_stuck_is_ended_and_forked_again(forkserver):
    stuck = Helper("echo", forkserver, run_echo, patience_s=1)
    try:
        first = (await stuck.call("pid", {}))[0]
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(errors.Unavailable, match=r"no answer for 1 s and was ended"):
            await stuck.call("pid", {})
        while stuck.is_alive:  # noqa: ASYNC110 - nothing tells when the end was noticed
            await asyncio.sleep(0.01)
        assert (await stuck.call("pid", {}))[0] != first
    finally:
        await stuck.close()


async def test_a_fork_server_that_is_stuck_is_ended_and_the_next_fork_has_another(helper, forkserver):
    first = psutil.Process((await helper.call("pid", {}))[0])
    stuck = first.parent()
    stuck.suspend()
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(errors.Unavailable, match="the fork server ended"):
        await ForkServer(patience_s=0.5).fork("echo", run_echo, theirs, daemon=True)
    again = Helper("echo", forkserver, run_echo)
    try:
        assert psutil.Process((await again.call("pid", {}))[0]).parent() != stuck
    finally:
        await again.close()
    assert first.is_running()


@pytest.fixture
def deaf(tmp_path, monkeypatch):
    """The fork server as it is for a moment after it was killed: it seems to be there, and takes no calls."""
    running = vars(multiprocessing.forkserver)["_forkserver"]
    with monkeypatch.context() as patched, socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(tmp_path / "nobody"))
        patched.setattr(running, "_forkserver_address", str(tmp_path / "nobody"))
        yield patched


async def test_a_fork_waits_for_the_end_of_a_fork_server_that_takes_no_calls(helper, forkserver, deaf):
    late = Helper("echo", forkserver, run_echo)
    asked = asyncio.create_task(late.call("echo", {}))
    try:
        await asyncio.sleep(0.1)
        deaf.undo()
        assert (await asked)[0] == {}
    finally:
        await late.close()


async def test_a_fork_does_not_wait_for_ever_for_it(helper, forkserver, deaf):
    with pytest.raises(errors.Unavailable, match="the fork server ended"):
        await Helper("echo", forkserver, run_echo).call("echo", {})


async def test_a_call_that_waits_behind_another_is_not_taken_for_stuck_nor_is_one_whose_caller_gave_up(
    helper, tmp_path
):
    os.mkfifo(tmp_path / "pipe")
    first = asyncio.create_task(helper.call("wait", {"pipe": str(tmp_path / "pipe")}))
    while not helper._pending:  # noqa: ASYNC110 - nothing tells when it was asked
        await asyncio.sleep(0)
    behind = asyncio.create_task(helper.call("echo", {}, patience_s=0.05))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.2)
    assert not behind.done()
    (tmp_path / "pipe").write_bytes(b"")
    assert (await behind)[0] == {}
    assert helper.generation == 1

"""Helper processes: forked for real, asked, killed."""

import asyncio
import contextlib
import gc
import multiprocessing
import multiprocessing.forkserver
import os
import pathlib
import signal
import socket
import threading
import time

import psutil
import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.executors import helper as helper_module
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


async def test_helpers_that_were_closed_leave_no_descriptors(helper, forkserver):
    gc.disable()
    try:
        before = count_descriptors()
        for _ in range(3):
            closed = Helper("of no more use", forkserver, run_echo)
            await closed.call("echo", {})
            await closed.close()
        await until_gone("of no more use")
        async with asyncio.timeout(30):
            # The thread that waited for the process may still know it for a moment.
            while count_descriptors() > before:  # noqa: ASYNC110 - nothing tells when it does not
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


def count_descriptors():
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


async def test_a_helper_that_is_stuck_is_ended_and_forked_again(forkserver):
    stuck = Helper("echo", forkserver, run_echo, patience_s=1)
    try:
        first = (await stuck.call("pid", {}, patience_s=60))[0]
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(errors.Unavailable, match=r"no answer for 1 s and was ended"):
            await stuck.call("pid", {})
        while stuck.is_alive:  # noqa: ASYNC110 - nothing tells when the end was noticed
            await asyncio.sleep(0.01)
        assert (await stuck.call("pid", {}, patience_s=60))[0] != first
    finally:
        await stuck.close()


@pytest.fixture
async def unread(forkserver, monkeypatch):
    """A helper that is stopped, so that it reads nothing, and does not die when it is killed."""
    stuck = Helper("echo", forkserver, run_echo)
    pid = (await stuck.call("pid", {}))[0]
    monkeypatch.setattr(stuck._process, "kill", lambda: None)
    monkeypatch.setattr(stuck._process, "join", lambda _timeout_s: None)
    os.kill(pid, signal.SIGSTOP)
    yield stuck
    os.kill(pid, signal.SIGKILL)


MUCH = {"x": Tensor("UINT8", (8 << 20,), bytes(8 << 20))}


async def test_one_that_does_not_read_what_it_was_sent_is_given_up_as_well(unread):
    first = unread._process.pid
    with pytest.raises(errors.Unavailable, match=r"no answer for 0\.5 s and was ended"):
        await unread.call("echo", {}, MUCH, patience_s=0.5)
    assert (await unread.call("pid", {}))[0] != first
    await unread.close()


async def test_one_that_does_not_read_what_it_was_sent_keeps_no_server_from_closing(unread, monkeypatch):
    monkeypatch.setattr(helper_module, "STOP_GRACE_S", 0.1)
    asking = asyncio.create_task(unread.call("echo", {}, MUCH))
    await asyncio.sleep(0)
    await unread.close()
    with pytest.raises(errors.Unavailable, match="the echo process ended"):
        await asking


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


class SlowFork:
    """Keeps the first fork halfway until it may go on."""

    def __init__(self, monkeypatch):
        self._begun, self._may_end, self.count = asyncio.Event(), threading.Event(), 0
        self._loop, self._real = asyncio.get_running_loop(), multiprocessing.forkserver.connect_to_new_process
        monkeypatch.setattr(multiprocessing.forkserver, "connect_to_new_process", self._connect)

    def _connect(self, descriptors):
        self.count += 1
        if self.count == 1:
            self._loop.call_soon_threadsafe(self._begun.set)
            self._may_end.wait()
        return self._real(descriptors)

    async def give_up(self, forking):
        """Cancel what waits for the fork once it has begun."""
        await self._begun.wait()
        forking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await forking

    def end(self):
        self._may_end.set()


@pytest.fixture
async def slow(helper, monkeypatch):
    fork = SlowFork(monkeypatch)
    yield fork
    fork.end()


async def until_gone(name):
    while any(child.name == name for child in multiprocessing.active_children()):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


async def test_a_fork_that_is_given_up_ends_before_the_next_begins_and_so_does_its_process(forkserver, slow):
    await slow.give_up(asyncio.create_task(forkserver.fork("unwanted", time.sleep, 600, daemon=True)))
    after = asyncio.create_task(forkserver.fork("wanted", time.sleep, 600, daemon=True))
    await asyncio.sleep(0.2)
    assert slow.count == 1
    slow.end()
    (await after).kill()
    await until_gone("unwanted")


async def test_a_helper_whose_first_caller_gives_up_is_there_for_the_next(forkserver, slow):
    late = Helper("late", forkserver, run_echo)
    await slow.give_up(asyncio.create_task(late.start()))
    with contextlib.ExitStack() as clients:
        for end in (end for _ in range(4) for end in socket.socketpair()):
            clients.enter_context(end)  # numbers that descriptors of the fork had, if they are closed
        asking = asyncio.create_task(late.call("echo", {"a": 1}))
        await asyncio.sleep(0)
        slow.end()
        assert (await asking)[0] == {"a": 1}
    assert (slow.count, late.generation) == (1, 1)
    await late.close()


async def test_a_helper_that_is_closed_while_it_is_forked_ends_and_cannot_be_asked(forkserver, slow):
    closed = Helper("closed", forkserver, run_echo)
    starting = asyncio.create_task(closed.start())
    await slow.give_up(asyncio.create_task(closed.start()))
    await closed.close()
    slow.end()
    for asked in (starting, closed.call("pid", {})):
        with pytest.raises(errors.Unavailable, match="the closed process was closed"):
            await asked
    await until_gone("closed")


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

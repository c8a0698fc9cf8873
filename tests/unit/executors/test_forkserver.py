"""What the fork server is started with, and that it cannot be started."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing.forkserver
import os
import pathlib
import threading
from multiprocessing.process import BaseProcess

import pytest

from bessemer_server.domain import errors
from bessemer_server.executors import forkserver


async def test_a_fork_server_that_cannot_be_started_is_away_and_no_fault_of_who_needs_it(monkeypatch):
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(vars(multiprocessing.forkserver)["_forkserver"], "ensure_running", fail)
    with pytest.raises(errors.Unavailable, match=r"the trainer could not be started .*Too many open files"):
        await forkserver.ForkServer().fork("trainer", print, daemon=True)


def find_descriptors() -> set[pathlib.Path]:
    return set(pathlib.Path("/proc/self/fd").iterdir())


@pytest.fixture
def without_collection():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
async def test_a_fork_server_that_ends_over_a_fork_leaves_no_descriptors(monkeypatch):
    given: list[int] = []

    def end(_fds: list[int]) -> tuple[int, int]:
        status, pid_from = os.pipe()
        data_to, data = os.pipe()
        os.close(pid_from)
        given.extend((data_to, status))
        return status, data

    monkeypatch.setattr(multiprocessing.forkserver, "connect_to_new_process", end)
    before = find_descriptors()
    with pytest.raises(errors.Unavailable, match="the fork server ended") as ended:
        await forkserver.ForkServer().fork("trainer", print, daemon=True)
    data_to, status = given
    os.close(data_to)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(status)
    assert find_descriptors() <= before
    assert isinstance(ended.value.__cause__, EOFError)


class Unwanted(BaseProcess):
    is_killed = False

    def kill(self) -> None:
        self.is_killed = True


async def test_a_process_that_comes_as_its_caller_gives_up_is_ended() -> None:
    loop, process = asyncio.get_running_loop(), Unwanted()

    def give_up() -> None:
        for thread in threading.enumerate():
            if thread.name == "fork":
                thread.join()
        loop.call_soon(asking.cancel)  # the process has come, and the caller has not been told

    def fork() -> BaseProcess:
        loop.call_soon_threadsafe(give_up)
        return process

    asking = asyncio.create_task(forkserver._in_thread(fork))
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert process.is_killed


def test_no_library_tells_its_makers_of_this_machine(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with forkserver._environment():
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_threads_that_decide_bits_are_those_of_every_server(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    monkeypatch.delenv("MALLOC_TOP_PAD_", raising=False)
    before = dict(os.environ)
    with forkserver._environment():
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        assert os.environ["GOMP_SPINCOUNT"] == "5"
        assert os.environ["MALLOC_TOP_PAD_"] == forkserver.ALLOCATOR["MALLOC_TOP_PAD_"]
    assert dict(os.environ) == before

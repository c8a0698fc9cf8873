"""Trainers that an earlier server has started, and strangers that have their process ids by now."""

from __future__ import annotations

import asyncio
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from bessemer_server.domain.jobs import Attempt, Exit
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.process import ProcessExecutor
from bessemer_server.worker import output
from tests.conformance import samples

TRAINER = """
import pathlib, sys
from bessemer_server.worker import output
print("begun", flush=True)
output.redirect(pathlib.Path(sys.argv[1]))
while True: pass
"""
STRANGER = """
print("begun", flush=True)
while True: pass
"""
Start = Callable[[str, int], Attempt]


@pytest.fixture
def processes() -> Iterator[dict[int, subprocess.Popen[str]]]:
    """What a test has started, by process id."""
    started: dict[int, subprocess.Popen[str]] = {}
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.fixture
def start(tmp_path: pathlib.Path, processes: dict[int, subprocess.Popen[str]]) -> Start:
    """Starts a process; returns the attempt in the store that has its process id."""

    def start(code: str, number: int) -> Attempt:
        folder = output.folder_of(tmp_path, "job-1", number)
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        processes[process.pid] = process
        assert process.stdout.readline() == "begun\n"
        while code is TRAINER and not output.starts(folder):
            pass
        return Attempt("job-1", number, "cpu#0@a", process.pid, samples.START)

    return start


def make_executor(folder: pathlib.Path, wake: Callable[[], None] = lambda: None) -> ProcessExecutor:
    return ProcessExecutor(ForkServer(), "unix:nowhere", folder, wake)


async def test_a_trainer_of_an_earlier_server_is_seen_at_work(start: Start, tmp_path: pathlib.Path) -> None:
    assert make_executor(tmp_path).is_busy(start(TRAINER, 1))


async def test_a_stranger_that_has_the_process_id_by_now_is_no_trainer_however_busy(
    start: Start, tmp_path: pathlib.Path
) -> None:
    stranger = start(STRANGER, 1)
    assert not make_executor(tmp_path).is_busy(stranger)
    folder = output.folder_of(tmp_path, "job-1", 1)
    folder.mkdir()
    (folder / output.LOCK).touch()  # as a trainer that is gone leaves it
    assert not make_executor(tmp_path).is_busy(stranger)


async def test_the_lock_of_one_trainer_proves_nothing_of_another_process(
    start: Start, tmp_path: pathlib.Path
) -> None:
    start(TRAINER, 1)
    stranger = start(STRANGER, 1)
    other = start(TRAINER, 2)
    executor = make_executor(tmp_path)
    assert not executor.is_busy(stranger)
    assert not executor.is_busy(Attempt("job-1", 1, "cpu#0@a", other.pid, samples.START))
    assert executor.is_busy(other)


async def test_an_adopted_trainer_is_seen_to_end_and_can_be_ended(
    start: Start, tmp_path: pathlib.Path, processes: dict[int, subprocess.Popen[str]]
) -> None:
    ended = asyncio.Event()
    executor = make_executor(tmp_path, ended.set)
    attempts = [start(TRAINER, number) for number in (1, 2)]
    executor.adopt(attempts)
    executor.adopt(attempts)  # as at each tick: nothing more happens
    processes[attempts[0].pid].kill()
    await ended.wait()
    assert executor.drain_exits() == [Exit("job-1", 1, None)]
    ended.clear()
    await executor.kill(attempts[1])
    await ended.wait()
    assert executor.drain_exits() == [Exit("job-1", 2, None)]


async def test_a_trainer_that_ended_while_no_server_was_there_is_noticed_at_once(
    start: Start, tmp_path: pathlib.Path, processes: dict[int, subprocess.Popen[str]]
) -> None:
    attempt = start(TRAINER, 1)
    processes[attempt.pid].kill()
    processes[attempt.pid].wait()
    woken = asyncio.Event()
    executor = make_executor(tmp_path, woken.set)
    executor.adopt([attempt])
    assert woken.is_set()
    assert executor.drain_exits() == [Exit("job-1", 1, None)]


async def test_a_trainer_that_has_no_process_id_here_but_its_lock_is_not_taken_for_gone(
    start: Start, tmp_path: pathlib.Path, processes: dict[int, subprocess.Popen[str]]
) -> None:
    start(TRAINER, 1)
    gone = start(STRANGER, 1)
    processes[gone.pid].kill()
    processes[gone.pid].wait()
    executor = make_executor(tmp_path)
    executor.adopt([gone])
    assert not executor.drain_exits()


async def test_a_stranger_is_neither_adopted_nor_ended(
    start: Start, tmp_path: pathlib.Path, processes: dict[int, subprocess.Popen[str]]
) -> None:
    ended = asyncio.Event()
    executor = make_executor(tmp_path, ended.set)
    stranger, trainer = start(STRANGER, 1), start(TRAINER, 2)
    executor.adopt([stranger, trainer])
    await executor.kill(stranger)
    await executor.close()
    processes[trainer.pid].wait()
    with pytest.raises(subprocess.TimeoutExpired):
        processes[stranger.pid].wait(0.2)

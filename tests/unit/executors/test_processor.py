"""Whether a process is at work."""

import signal
import subprocess
import sys
import time

import pytest

from bessemer_server.executors import processor

WORK = "while True: pass"
REST = "import time; time.sleep(600)"


@pytest.fixture
def start():
    started = []

    def start(code):
        started.append(subprocess.Popen([sys.executable, "-c", code]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
    return True


def test_a_process_that_computes_is_busy_until_it_is_stopped(start):
    process, watch = start(WORK), processor.Watch()
    assert watch.is_busy(process.pid)
    assert until(lambda: watch.is_busy(process.pid))
    process.send_signal(signal.SIGSTOP)
    assert until(lambda: not watch.is_busy(process.pid))
    process.send_signal(signal.SIGCONT)
    assert until(lambda: watch.is_busy(process.pid))


def test_one_that_waits_is_not_busy_for_long(start):
    process, watch = start(REST), processor.Watch()
    assert until(lambda: not watch.is_busy(process.pid))


def test_one_that_is_gone_is_not_busy(start):
    process, watch = start(REST), processor.Watch()
    watch.is_busy(process.pid)
    process.kill()
    process.wait()
    assert not watch.is_busy(process.pid)

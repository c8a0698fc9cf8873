"""The service as a process, started by its real command."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from bessemer_server.rpc.fronts import hub

READY = re.compile(r"bessemer-server listening on (\S+) \(data in (.+)\)")
START_TIMEOUT_S = 60
DEVICE = os.environ.get("BESSEMER_TEST_DEVICE", "cpu")
"""What servers under test train on: with `cuda`, the whole suite runs on a GPU."""
ROUNDING = 1e-5 if DEVICE == "cpu" else 1e-3
"""How far, relatively, results of that device may be from those of the CPU."""


class Service:
    """One data folder and the server process on it, which can be stopped, killed and started again."""

    def __init__(self, data_dir: pathlib.Path, *flags: str) -> None:
        self.data_dir = data_dir
        self.flags = flags
        self.log_file = data_dir.with_name(data_dir.name + ".log")
        self.address = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, listen: str = "") -> None:
        """Start the server, and wait until it answers."""
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(
                self.command(listen or f"127.0.0.1:{choose_port()}"),
                stdin=subprocess.PIPE,  # the server stops when this closes, however the tests end
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        match = READY.match(line)
        assert match, f"the server did not start: {line!r}\n{self.log()}"
        self.address = match[1]

    def command(self, listen: str = "127.0.0.1:0") -> list[str]:
        """The command line that `start` runs."""
        return [
            *(sys.executable, "-m", "bessemer_server"),
            *("--listen", listen, "--data-dir", str(self.data_dir), "--device", DEVICE, "--stop-with-stdin"),
            *self.flags,
        ]

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> list[psutil.Process]:
        """The server and every process that was started for it."""
        server = psutil.Process(self.pid)
        return [server, *server.children(recursive=True)]

    def trainers(self) -> list[psutil.Process]:
        """Trainers at work: leaders of a session of their own below the fork server."""
        return [p for p in psutil.Process(self.pid).children(recursive=True) if os.getsid(p.pid) == p.pid]

    def predictors(self) -> list[psutil.Process]:
        """Those that predict: the server shares memory with them, and they are no fronts."""
        children = [p for p in self.processes()[1:] if hub.MODULE not in p.cmdline()]
        return [p for p in children if any("memfd:bessemer" in part.path for part in p.memory_maps())]

    def log(self) -> str:
        """What the server wrote to standard error."""
        return self.log_file.read_text()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=60)
        self._close_pipes()
        return status

    def kill(self) -> None:
        """SIGKILL to the server, and to nothing else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def close(self) -> None:
        """Stop if it still runs."""
        if self._process is not None and self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=60)
            self.kill()


def choose_port() -> int:
    """One that nobody listens on, and from outside the range of which the system gives ports to clients: they would take it while
    its server is away, even a client that tries to connect to it and is connected to itself.
    """
    while True:
        port = random.randint(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server for all tests that do not harm it."""
    started = Service(tmp_path_factory.mktemp("service") / "data", "--slots", "1")
    started.start()
    yield started
    started.close()


@pytest.fixture
def make_service(tmp_path: pathlib.Path) -> Iterator[Callable[..., Service]]:
    """Makes servers of the test's own, on data folders below `tmp_path`."""
    made: list[Service] = []

    def make(*flags: str, name: str = "data") -> Service:
        made.append(Service(tmp_path / name, *flags))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """An SDK client of the shared server."""
    import bessemer

    with bessemer.connect(service.address) as connected:
        yield connected

"""A rival as a process."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import grpc

from benchmarks.serving import systems
from benchmarks.serving.rivals import table

SERVERS = pathlib.Path(__file__).with_name("servers")
PATIENCE_S = 240.0
TOLERANCE = 1e-4


class NotMeasured(Exception):
    """A rival that does not start, or answers something else, and why."""


@contextlib.contextmanager
def start(
    rival: table.Rival, engine: str, python: pathlib.Path, published: systems.Published
) -> Iterator[systems.System]:
    """Its server with our model; gone with all its processes at the end. Raises `NotMeasured`."""
    port = _find_ports()
    target = rival.make_target(published.workload, f"127.0.0.1:{port}")
    log = published.folder / f"{python.parent.parent.name}-{engine}.log"
    threads = max(1, (os.cpu_count() or 1) // 2)  # as ours
    environment = {**os.environ, "ENGINE": engine, "THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    command = [str(python), str(SERVERS / rival.script), str(published.folder), str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            system = systems.System(f"{rival.name}, {engine}", process.pid, target)
            _await_answer(rival, system, process, published)
            yield system
        except NotMeasured as error:
            raise NotMeasured(f"{error}: {_tail(log)}") from error
        finally:
            _end(process)


def _await_answer(
    rival: table.Rival, system: systems.System, process: subprocess.Popen[bytes], published: systems.Published
) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = system.target.ask()
            break
        except (OSError, grpc.RpcError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotMeasured(f"it does not start ({type(error).__name__})") from error
            time.sleep(0.5)
    scores = rival.read(answer)
    if len(scores) != len(published.scores) or math.dist(scores, published.scores) > TOLERANCE:
        raise NotMeasured(f"it answers {_show(scores)}, ours {_show(published.scores)}")


def _show(scores: list[float]) -> str:
    return f"{len(scores)} scores, {', '.join(f'{score:.6f}' for score in scores[:10])}"


def _find_ports() -> int:
    """The first of five that are free now."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, OverflowError):
            first = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for offset in range(1, 5):
                stack.enter_context(socket.create_server(("127.0.0.1", first + offset)))
            return int(first)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _tail(log: pathlib.Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"

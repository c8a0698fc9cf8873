"""Closed-loop load by h2load (Debian's nghttp2-client): a client that takes next to nothing of the cores it shares."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import subprocess
import tempfile
import urllib.request
from typing import Any

import grpc
import psutil

from bessemer_server.domain import processors

INFER = "/inference.GRPCInferenceService/ModelInfer"
FINISHED = re.compile(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s")
COUNTS = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored")
WARM_COUNT, WARM_S = 100, 3.0
"""A server is warm after so many requests, or so much time."""
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One run of load."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Processor time of the server and all of its processes, per request."""
    memory_mib: float
    """Resident, after the run, of the same processes; what they share counts once for each."""


class LoadFailed(Exception):
    """Requests were refused, or the load could not be made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What is asked, again and again."""

    address: str
    path: str
    body: bytes
    """Of gRPC the message."""
    is_grpc: bool = True
    content_type: str = "application/grpc"

    def ask(self) -> bytes:
        """One call by a real client; h2load does not read gRPC's status. Raises `OSError` or `grpc.RpcError`."""
        if not self.is_grpc:
            request = urllib.request.Request(f"http://{self.address}{self.path}", self.body)
            request.add_header("content-type", self.content_type)
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - a server of ours
                return bytes(answer.read())
        with grpc.insecure_channel(self.address, [("grpc.max_receive_message_length", -1)]) as channel:
            call: Any = channel.unary_unary(self.path)  # no serializers: bytes go and come
            return bytes(call(self.body, timeout=60))

    @property
    def framed(self) -> bytes:
        """The body of the HTTP request."""
        return b"\0" + len(self.body).to_bytes(4, "big") + self.body if self.is_grpc else self.body


def run(target: Target, pid: int, *, clients: int, seconds: float) -> Sample:
    """About so many seconds of load: `clients` requests under way at any time, each over a connection of its own. Raises
    `LoadFailed`.
    """
    target.ask()
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "body")
        data.write_bytes(target.framed)
        count = max(2 * clients, round(_warm_up(target, data, clients) * seconds))
        before = _processor_s(pid)
        elapsed_s, times_ms = _send(target, data, clients, count)
        spent_s = _processor_s(pid) - before
    target.ask()
    return Sample(
        requests_per_second=count / elapsed_s,
        p50_ms=times_ms[count // 2],
        p99_ms=times_ms[int(count * 0.99)],
        cpu_ms=spent_s * 1000 / count,
        memory_mib=_memory(pid) / 2**20,
    )


def _warm_up(target: Target, data: pathlib.Path, clients: int) -> float:
    """Requests per second, by the last of some runs: the first find the server cold, and a heavy network takes seconds for what a small
    one does in no time.
    """
    count, sent, spent_s = 2 * clients, 0, 0.0
    while True:
        elapsed_s = _send(target, data, clients, count)[0]
        sent, spent_s = sent + count, spent_s + elapsed_s
        if sent >= 8 * clients + WARM_COUNT or spent_s >= WARM_S:
            return count / elapsed_s
        count *= 2


def _send(target: Target, data: pathlib.Path, clients: int, count: int) -> tuple[float, list[float]]:
    """Seconds for `count` requests, and the milliseconds of each, ascending."""
    log = data.with_name("log")
    log.unlink(missing_ok=True)
    command = [
        *("h2load", "-n", str(count), "-t", str(_threads(clients)), "-d", str(data), f"--log-file={log}"),
        *("-c", str(clients), "-m", "1"),
        *(("-w", "30", "-W", "30") if target.is_grpc else ("--h1",)),
        *("-H", f"content-type: {target.content_type}", "-H", "te: trailers"),
        f"http://{target.address}{target.path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    finished, counts = FINISHED.search(done.stdout), COUNTS.search(done.stdout)
    if not finished or not counts or int(counts[2]) != count:
        succeeded = int(counts[2]) if counts else 0
        raise LoadFailed(f"{clients} clients: {count - succeeded} of {count} requests failed")
    times = sorted(int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines())
    return float(finished[1]) * UNITS[finished[2]], times


def _threads(clients: int) -> int:
    """Of h2load: where there are many cores, one thread cannot send as many large requests as a GPU answers."""
    return min(clients, max(1, processors.count() // 4))


def _processor_s(pid: int) -> float:
    """Of the process and all below it, those that have ended too."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _memory(pid: int) -> int:
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]

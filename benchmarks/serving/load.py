"""Closed-loop load by h2load (Debian's nghttp2-client): a client that takes next to nothing of the cores it shares."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import subprocess
import tempfile
from typing import Any

import grpc
import psutil

INFER = "/inference.GRPCInferenceService/ModelInfer"
FINISHED = re.compile(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s")
COUNTS = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored")
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


def frame(message: bytes) -> bytes:
    """A message as gRPC sends it, uncompressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def check(address: str, body: bytes, method: str = INFER) -> bytes:
    """One call by a real client; h2load does not read gRPC's status."""
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        call: Any = channel.unary_unary(method)  # no serializers: bytes go and come
        answer: bytes = call(body, timeout=120, wait_for_ready=True)
        return answer


def run(address: str, pid: int, body: bytes, *, clients: int, seconds: float, method: str = INFER) -> Sample:
    """About so many seconds of load: `clients` requests under way at any time over one connection. Raises `LoadFailed`."""
    check(address, body, method)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "body")
        data.write_bytes(frame(body))
        warm_s, count = _send(address, data, method, clients, max(200, 8 * clients))[0], max(200, 8 * clients)
        count = max(count, round(count / warm_s * seconds))
        before = _processor_s(pid)
        elapsed_s, times_ms = _send(address, data, method, clients, count)
        spent_s = _processor_s(pid) - before
    check(address, body, method)
    return Sample(
        requests_per_second=count / elapsed_s,
        p50_ms=times_ms[count // 2],
        p99_ms=times_ms[int(count * 0.99)],
        cpu_ms=spent_s * 1000 / count,
        memory_mib=_memory(pid) / 2**20,
    )


def _send(
    address: str, data: pathlib.Path, method: str, clients: int, count: int
) -> tuple[float, list[float]]:
    """Seconds for `count` requests, and the milliseconds of each, ascending."""
    log = data.with_name("log")
    log.unlink(missing_ok=True)
    command = [
        *("h2load", "-n", str(count), "-c", "1", "-m", str(clients), "-t", "1", "-w", "30", "-W", "30"),
        *("-H", "content-type: application/grpc", "-H", "te: trailers", f"--log-file={log}"),
        *("-d", str(data), f"http://{address}{method}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    finished, counts = FINISHED.search(done.stdout), COUNTS.search(done.stdout)
    if not finished or not counts or int(counts[2]) != count:
        raise LoadFailed(done.stdout)
    times = sorted(int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines())
    return float(finished[1]) * UNITS[finished[2]], times


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

"""Predictions at ten times the capacity: what is still answered in time, and how soon the rest is told: `python -m
benchmarks.serving.overload`.

Open loop by h2load (Debian: nghttp2-client), which sends at its rate whatever comes back; a second client samples what callers see,
since h2load does not read gRPC's status. The models are slow enough for ten times their rate to be received at all: whatever a
request costs before it can be refused, a server pays for each.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from typing import Any

import grpc

from benchmarks import machine
from benchmarks.serving import load, systems, workloads
from bessemer.inference.v2 import inference_pb2 as pb

STATISTICS = "/inference.GRPCInferenceService/ModelStatistics"
WORKLOADS = (
    dataclasses.replace(
        workloads.MNIST_CNN, name="mnist_cnn_224", shape=(224, 224, 1), about="MNIST CNN, 224×224, 49 KiB"
    ),
    dataclasses.replace(workloads.RESNET50, about="ResNet-50, 224×224, 147 KiB"),
)
"""Some milliseconds for one picture, on one thread, and some tens, on all."""
DEADLINE_S = 1.0
PROBES_PER_S = 20
TIMES = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen at one rate."""

    about: str
    capacity: float
    """Answers per second in closed loop, before and after: on a machine that is not always as fast, it does not stay the same."""
    offered: float
    """Requests per second, the probes too, as they were sent."""
    goodput: float
    """Answers per second."""
    latencies_ms: dict[str, list[float]]
    """Of the probes, by status."""

    def describe(self, status: str) -> str:
        """Median, 99th percentile and number."""
        times = sorted(self.latencies_ms.get(status, []))
        if not times:
            return "none"
        return f"{times[len(times) // 2]:.1f} / {times[int(len(times) * 0.99)]:.1f} ms ({len(times)})"


def count_answers(address: str) -> int:
    """Predictions that were answered so far."""
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(STATISTICS)  # no serializers: bytes go and come
        found = pb.ModelStatisticsResponse.FromString(call(b"", timeout=60))
    return sum(each.inference_stats.success.count for each in found.model_stats)


def measure_capacity(system: systems.System, seconds: float) -> float:
    """Answers per second to 64 clients that each wait for the last one."""
    return load.run(system.target, system.pid, clients=64, seconds=seconds).requests_per_second


def measure(system: systems.System, about: str, times: float, seconds: float) -> Outcome:
    """So many times the capacity."""
    before = measure_capacity(system, seconds / 4)
    offered, goodput, latencies = flood(system.target, before * times, seconds)
    after = measure_capacity(system, seconds / 4)
    return Outcome(about, (before + after) / 2, offered, goodput, latencies)


def flood(target: load.Target, rate: float, seconds: float) -> tuple[float, float, dict[str, list[float]]]:
    """So many requests per second, each with a deadline; some of them are probes. What was offered, the goodput, latencies."""
    probes_per_s = min(PROBES_PER_S, rate / 4)
    count = round((rate - probes_per_s) * seconds)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "body")
        data.write_bytes(target.framed)
        command = [
            *("h2load", f"--rps={round(rate - probes_per_s)}", "-n", str(count), "-c", "1", "-t", "1"),
            *("-m", "100000", "-w", "30", "-W", "30"),
            *("-H", "content-type: application/grpc", "-H", "te: trailers"),
            *("-H", f"grpc-timeout: {round(DEADLINE_S * 1000)}m"),
            *("-d", str(data), f"http://{target.address}{target.path}"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sending:
            time.sleep(seconds / 4)  # the queue fills
            before, begun = count_answers(target.address), time.perf_counter()
            latencies = asyncio.run(probe(target, seconds / 2, probes_per_s))
            answered, elapsed = count_answers(target.address) - before, time.perf_counter() - begun
            finished = load.FINISHED.search(sending.communicate()[0])
    assert finished
    sent_s = float(finished[1]) * load.UNITS[finished[2]]
    return count / sent_s + probes_per_s, answered / elapsed, latencies


async def probe(
    target: load.Target, seconds: float, per_s: float = PROBES_PER_S, deadline_s: float = DEADLINE_S
) -> dict[str, list[float]]:
    """Milliseconds until an answer or a refusal, by status; so many requests per second are sent, whatever comes back."""
    found = defaultdict(list)
    async with grpc.aio.insecure_channel(target.address, (("grpc.enable_retries", 0),)) as channel:
        call: Any = channel.unary_unary(target.path)

        async def ask() -> None:
            begun = time.perf_counter()
            status = "OK"
            try:
                await call(target.body, timeout=deadline_s)
            except grpc.aio.AioRpcError as error:
                status = error.code().name
            found[status].append((time.perf_counter() - begun) * 1000)

        asked = []
        for _ in range(round(per_s * seconds)):
            asked.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / per_s)
        await asyncio.gather(*asked)
    return dict(found)


def show(outcomes: list[Outcome]) -> str:
    """A table in Markdown."""
    lines = [
        f"Capacity: answers/s to 64 clients in closed loop, before and after. Deadline of each request: {DEADLINE_S:g} s.",
        "",
        "| | capacity | offered/s | answers/s | of capacity | answered, p50 / p99 | refused, p50 / p99 | late, p50 / p99 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in outcomes:
        statuses = ("OK", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
        cells = " | ".join(each.describe(status) for status in statuses)
        share = each.goodput / each.capacity
        lines.append(
            f"| {each.about} | {each.capacity:,.0f} | {each.offered:,.0f} | {each.goodput:,.0f} | {share:.2f} | {cells} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, show, and write benchmarks/results/overload.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.overload", description=__doc__)
    parser.add_argument("--times", type=float, nargs="*", default=[0.5, 2, TIMES], help="of the capacity")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run (default: %(default)s)")
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--workloads", nargs="*", choices=names, default=names)
    arguments = parser.parse_args()
    outcomes = []
    for workload in WORKLOADS:
        if workload.name not in arguments.workloads:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            systems.start_bessemer(workload, pathlib.Path(folder)) as (system, _),
        ):
            outcomes += [
                measure(system, workload.about, times, arguments.seconds) for times in arguments.times
            ]
    table = show(outcomes)
    print(table)
    command = f"python -m benchmarks.serving.overload {' '.join(sys.argv[1:])}".strip()
    told = machine.describe() | {"command": command}
    origin = "\n".join(f"- {key}: {value}" for key, value in told.items())
    page = f"# Predictions at ten times the capacity\n\n{table}\n\n{origin}\n"
    machine.ROOT.joinpath("benchmarks", "results", "overload.md").write_text(page)


if __name__ == "__main__":
    main()

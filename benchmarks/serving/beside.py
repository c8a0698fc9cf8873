"""Predictions beside other work of the same service: `python -m benchmarks.serving.beside`.

Beside training: the MNIST CNN asked for in closed loop while it is trained on so many slots. Beside a slow model: a network that does
next to nothing, asked for at a steady rate with a deadline, while others ask for the MNIST CNN at 224×224 in closed loop.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import psutil

import bessemer
from benchmarks.serving import load, overload, systems, workloads

SETTLE_S = 6.0
"""Trainers have begun by then."""
FAST_PER_S, FAST_DEADLINE_S = 30.0, 0.2
SLOW = next(workload for workload in overload.WORKLOADS if workload.name == "mnist_cnn_224")


def measure_beside_trainers(trainers: int, clients: Sequence[int], rounds: int, seconds: float) -> None:
    """Show requests per second, latencies, and what is left to the trainers: processor time, and steps that they make of it."""
    with (
        tempfile.TemporaryDirectory() as name,
        systems.start_bessemer(workloads.MNIST_CNN, pathlib.Path(name), max(1, trainers)) as (system, _),
        bessemer.connect(system.target.address) as client,
    ):
        data = pathlib.Path(name, "long.npz")
        pixels = np.random.default_rng(0).integers(0, 256, (5_000, 28, 28, 1), dtype=np.uint8)
        np.savez(data, x_train=pixels, y_train=np.arange(5_000) % 10)
        client.datasets.upload("long", str(data))
        jobs = [client.train("mnist_cnn", dataset="long", epochs=100_000) for _ in range(trainers)]
        time.sleep(SETTLE_S if jobs else 0)
        training = find_trainers(system.pid)
        if jobs:
            before = Training.of(jobs, training)
            time.sleep(rounds * seconds)
            print(f"{trainers} trainers, no clients: {Training.of(jobs, training).since(before)}")
        for count in clients:
            before = Training.of(jobs, training)
            samples = [
                load.run(system.target, system.pid, clients=count, seconds=seconds) for _ in range(rounds)
            ]
            left = Training.of(jobs, training).since(before)
            speed, p50, p99 = (
                statistics.median(getattr(sample, figure) for sample in samples)
                for figure in ("requests_per_second", "p50_ms", "p99_ms")
            )
            print(
                f"{trainers} trainers, {count} clients: {speed:,.0f} requests/s, p50 {p50:.2f} ms, p99 {p99:.1f} ms; {left}"
            )
        for job in jobs:
            job.cancel()


@dataclasses.dataclass(frozen=True, slots=True)
class Training:
    """What trainers have done until some moment."""

    moment_s: float
    spent_s: float
    """Processor time."""
    steps: int

    @classmethod
    def of(cls, jobs: Sequence[bessemer.Job], processes: Sequence[psutil.Process]) -> Training:
        """Until now."""
        steps = sum(job.refresh().progress.step for job in jobs)
        spent_s = sum(sum(process.cpu_times()[:2]) for process in processes)
        return cls(time.perf_counter(), spent_s, steps)

    def since(self, before: Training) -> str:
        """What is new, by the second."""
        elapsed_s = self.moment_s - before.moment_s
        cores, steps = (self.spent_s - before.spent_s) / elapsed_s, (self.steps - before.steps) / elapsed_s
        return f"trainers had {cores:.2f} cores and made {steps:,.0f} steps/s"


def find_trainers(pid: int) -> list[psutil.Process]:
    """Each leads a session of its own."""
    below = psutil.Process(pid).children(recursive=True)
    return [process for process in below if os.getsid(process.pid) == process.pid]


def measure_beside_a_slow_model(clients: Sequence[int], seconds: float) -> None:
    """Show what becomes of the fast model's requests, and how many of the slow one are answered."""
    with (
        tempfile.TemporaryDirectory() as name,
        systems.start_bessemer(SLOW, pathlib.Path(name)) as (slow, _),
        bessemer.connect(slow.target.address) as client,
    ):
        fast = workloads.IDENTITY
        fast.publish(fast, client, pathlib.Path(name))
        target = load.Target(slow.target.address, load.INFER, fast.make_request())
        target.ask()
        for count in clients:
            with contextlib.ExitStack() as stack:
                if count:
                    pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
                    asking = pool.submit(load.run, slow.target, slow.pid, clients=count, seconds=2 * seconds)
                    time.sleep(load.WARM_S)
                found = asyncio.run(overload.probe(target, seconds, FAST_PER_S, FAST_DEADLINE_S))
                beside = f"{asking.result().requests_per_second:.0f} of the slow one/s" if count else "alone"
            outcome = overload.Outcome("", 0, 0, 0, found)
            told = ", ".join(f"{status} {outcome.describe(status)}" for status in sorted(found))
            print(f"fast model beside {count} clients of a slow one: {told}; {beside}")


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.beside", description=__doc__)
    parser.add_argument("--trainers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--slow-clients", type=int, nargs="*", default=[0, 8, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    for trainers in arguments.trainers:
        measure_beside_trainers(trainers, arguments.clients, arguments.rounds, arguments.seconds)
    measure_beside_a_slow_model(arguments.slow_clients, 4 * arguments.seconds)


if __name__ == "__main__":
    main()

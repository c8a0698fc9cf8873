"""What a prediction takes when nothing else is asked: `python -m benchmarks.serving.alone`.

One client that asks for the MNIST CNN, in turns with an empty handler of grpc.aio and with the engine by itself: the model's file in ONNX
Runtime, one picture on one thread, called again and again (hot), and called as seldom as a client asks (cold), which finds
neither the weights nor the code in the processor's caches.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.serving import bare, load, systems, workloads


def make_engine(file: pathlib.Path) -> Callable[[], object]:
    """One prediction."""
    run = bare.open_engine(file, threads=1)
    picture = np.ascontiguousarray(workloads.MNIST_CNN.make_sample())
    return lambda: run(picture)


def measure_engine(run: Callable[[], object], seconds: float, pause_s: float = 0.0) -> float:
    """Milliseconds, the median; with a pause before each."""
    times_s = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        time.sleep(pause_s)
        begun_s = time.perf_counter()
        run()
        times_s.append(time.perf_counter() - begun_s)
    return statistics.median(times_s) * 1000


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.alone", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {"served": [], "empty handler": [], "engine, hot": [], "engine, cold": []}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, model = stack.enter_context(systems.start_bessemer(workloads.MNIST_CNN, folder))
        floor = stack.enter_context(systems.start_floor(workloads.MNIST_CNN))
        run = make_engine(model.folder / "model.onnx")
        for _ in range(arguments.rounds):
            for name, system in (("empty handler", floor), ("served", ours)):
                sample = load.run(system.target, system.pid, clients=1, seconds=arguments.seconds)
                found[name].append(sample.p50_ms)
            found["engine, hot"].append(measure_engine(run, arguments.seconds / 4))
            found["engine, cold"].append(measure_engine(run, arguments.seconds / 4, pause_s=0.0005))
    for name, values in found.items():
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name}: {statistics.median(values):.2f} ms ({each})")
    for engine in ("engine, hot", "engine, cold"):
        rounds = zip(found["served"], found["empty handler"], found[engine], strict=True)
        added = [served - empty - alone for served, empty, alone in rounds]
        each = ", ".join(f"{value:.2f}" for value in added)
        print(f"served beyond the handler and the {engine}: {statistics.median(added):.2f} ms ({each})")


if __name__ == "__main__":
    main()

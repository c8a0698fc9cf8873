"""A model that is heavy to compute, served and bare: `python -m benchmarks.serving.heavy`.

ResNet-50 at 224×224 over the wire by 32 clients, beside the same network alone, in turns: its ONNX file in ONNX Runtime, or on a GPU,
where there is one, CUDA graphs. The bare engine has the batch size, and the number of threads, with which it is fastest; there is
no protocol, no queue and no other process beside it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import torch

from benchmarks import machine
from benchmarks.serving import bare, load, systems, workloads
from bessemer_server.training import published
from bessemer_server.training.engines import cuda_graph

BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Bare:
    """An engine alone."""

    def __init__(self, name: str, run: Callable[[npt.NDArray[Any]], object]) -> None:
        self.name = name
        self._run = run

    def measure(self, batch: int, seconds: float) -> float:
        """Images per second."""
        pixels = np.repeat(workloads.RESNET50.make_sample(), batch, axis=0)
        self._run(pixels)
        begun, count = time.perf_counter(), 0
        while time.perf_counter() < begun + seconds:
            self._run(pixels)
            count += batch
        return count / (time.perf_counter() - begun)


def make_engines(folder: pathlib.Path) -> list[Bare]:
    """Those that this machine has, of the model in the folder."""
    if torch.cuda.is_available():
        return [_make_on_gpu(folder / "model.safetensors")]
    cores = int(machine.describe()["cores"])
    threads = sorted({1, max(1, cores // 2), cores})
    return [_make_on_cpu(folder / "model.onnx", count) for count in threads]


def _make_on_cpu(file: pathlib.Path, threads: int) -> Bare:
    return Bare(f"ONNX Runtime, {threads} threads", bare.open_engine(file, threads))


def _make_on_gpu(file: pathlib.Path) -> Bare:
    with safetensors.safe_open(file, "np") as opened:
        definition = json.loads(opened.metadata()["definition"])
        weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    model = published.Published(definition, weights, torch.device("cuda:0"))
    return Bare("CUDA graphs", cuda_graph.CudaGraph(model).run)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.heavy", description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        systems.start_bessemer(workloads.RESNET50, pathlib.Path(folder)) as (system, model),
    ):
        engines = make_engines(model.folder)
        tried = {(e, b): e.measure(b, arguments.seconds / 5) for e, b in itertools.product(engines, BATCHES)}
        engine, batch = max(tried, key=lambda way: tried[way])
        for way, speed in tried.items():
            print(f"bare, {way[0].name}, batches of {way[1]}: {speed:.1f} images/s")
        ours, alone = [], []
        for _ in range(arguments.rounds):
            alone.append(engine.measure(batch, arguments.seconds))
            ours.append(
                load.run(system.target, system.pid, clients=arguments.clients, seconds=arguments.seconds)
            )
    served = statistics.median(sample.requests_per_second for sample in ours)
    unserved = statistics.median(alone)
    print(f"bare: {unserved:.1f} images/s ({', '.join(f'{each:.1f}' for each in alone)})")
    print(
        f"served, {arguments.clients} clients: {served:.1f} images/s "
        f"({', '.join(f'{each.requests_per_second:.1f}' for each in ours)}), p50 "
        f"{statistics.median(each.p50_ms for each in ours):.0f} ms, "
        f"{statistics.median(each.cpu_ms for each in ours):.0f} CPU-ms each"
    )
    print(f"served / bare: {served / unserved:.2f}")


if __name__ == "__main__":
    main()

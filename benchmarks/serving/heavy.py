"""A model that is heavy to compute, served and bare: `python -m benchmarks.serving.heavy`.

ResNet-50 at 224×224 over the wire by 32 clients, beside the same ONNX file in ONNX Runtime alone, in turns. The bare engine has the
batch size, and the number of threads, with which it is fastest; there is no protocol, no queue and no other process beside it.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import statistics
import tempfile
import time

import numpy as np
import onnxruntime

from benchmarks import machine
from benchmarks.serving import load, systems, workloads

BATCHES = (1, 2, 4, 8, 16)


class Bare:
    """The engine alone."""

    def __init__(self, file: pathlib.Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.threads = threads
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def measure(self, batch: int, seconds: float) -> float:
        """Images per second."""
        pixels = np.repeat(workloads.RESNET50.make_sample(), batch, axis=0)
        self._session.run(None, {"image": pixels})
        begun, count = time.perf_counter(), 0
        while time.perf_counter() < begun + seconds:
            self._session.run(None, {"image": pixels})
            count += batch
        return count / (time.perf_counter() - begun)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.heavy", description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        systems.start_bessemer(workloads.RESNET50, pathlib.Path(folder)) as (system, published),
    ):
        file = published.folder / "model.onnx"
        cores = int(machine.describe()["cores"])
        engines = [Bare(file, threads) for threads in sorted({1, max(1, cores // 2), cores})]
        tried = {(e, b): e.measure(b, arguments.seconds / 5) for e, b in itertools.product(engines, BATCHES)}
        engine, batch = max(tried, key=lambda way: tried[way])
        for way, speed in tried.items():
            print(f"bare, {way[0].threads} threads, batches of {way[1]}: {speed:.1f} images/s")
        ours, bare = [], []
        for _ in range(arguments.rounds):
            bare.append(engine.measure(batch, arguments.seconds))
            ours.append(
                load.run(system.target, system.pid, clients=arguments.clients, seconds=arguments.seconds)
            )
    served = statistics.median(sample.requests_per_second for sample in ours)
    alone = statistics.median(bare)
    print(f"bare: {alone:.1f} images/s ({', '.join(f'{each:.1f}' for each in bare)})")
    print(
        f"served, {arguments.clients} clients: {served:.1f} images/s "
        f"({', '.join(f'{each.requests_per_second:.1f}' for each in ours)}), p50 "
        f"{statistics.median(each.p50_ms for each in ours):.0f} ms, "
        f"{statistics.median(each.cpu_ms for each in ours):.0f} CPU-ms each"
    )
    print(f"served / bare: {served / alone:.2f}")


if __name__ == "__main__":
    main()

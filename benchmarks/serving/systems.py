"""What is measured: servers as processes, each with a request to send."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

import bessemer
from benchmarks import services
from benchmarks.serving import load, workloads
from bessemer.inference.v2 import inference_pb2 as pb


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """A server that runs."""

    name: str
    pid: int
    target: load.Target


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """The model as files, for servers of others, and what it says of the sample."""

    workload: workloads.Workload
    folder: pathlib.Path
    scores: list[float]


@contextlib.contextmanager
def start_bessemer(
    workload: workloads.Workload, folder: pathlib.Path, slots: int = 1
) -> Iterator[tuple[System, Published]]:
    """With the workload's model, whose files come into `folder`."""
    with services.start("--slots", str(slots)) as service:
        with bessemer.connect(service.address) as client:
            workload.publish(workload, client, folder)
            workload.export(client, folder)
        service.load(workload.name)
        target = load.Target(service.address, load.INFER, workload.make_request())
        scores = read_scores(target.ask())
        yield System("bessemer", service.pid, target), Published(workload, folder, scores)


def read_scores(answer: bytes) -> list[float]:
    """The raw output of an answer of the Open Inference Protocol."""
    (raw,) = pb.ModelInferResponse.FromString(answer).raw_output_contents
    return [float(score) for score in np.frombuffer(raw, "<f4")]


@contextlib.contextmanager
def start_floor(workload: workloads.Workload) -> Iterator[System]:
    """An empty handler of grpc.aio, with the same request."""
    command = [sys.executable, "-m", "benchmarks.serving.floor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            target = load.Target(address, load.INFER, workload.make_request())
            yield System("empty handler", process.pid, target)
        finally:
            process.kill()

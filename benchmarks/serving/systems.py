"""What is measured: servers as processes, each with a request to send."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import numpy as np

import bessemer
from benchmarks import services
from bessemer.inference.v2 import inference_pb2 as pb

MODEL = "cnn"
SAMPLES = 320


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """A server that runs."""

    name: str
    address: str
    pid: int
    body: bytes
    """The request's message."""


def make_request() -> bytes:
    """One picture for the MNIST CNN, uint8 [1, 28, 28, 1]."""
    pixels = (np.arange(784) % 256).astype(np.uint8)
    request = pb.ModelInferRequest(model_name=MODEL, raw_input_contents=[pixels.tobytes()])
    request.inputs.add(name="image", datatype="UINT8", shape=[1, 28, 28, 1])
    return request.SerializeToString()


@contextlib.contextmanager
def start_bessemer() -> Iterator[System]:
    """With the seed's MNIST CNN, trained for a moment on noise: its answers do not matter here."""
    draw = np.random.default_rng(0)
    with services.start("--slots", "1") as service, tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "noise.npz")
        pixels = draw.integers(0, 256, (SAMPLES, 28, 28, 1), dtype=np.uint8)
        np.savez(file, x_train=pixels, y_train=np.arange(SAMPLES) % 10)
        with bessemer.connect(service.address) as client:
            client.datasets.upload("noise", str(file))
            client.train("mnist_cnn", dataset="noise", epochs=1, name=MODEL).wait(progress=False)
        service.load(MODEL)
        yield System("bessemer", service.address, service.pid, make_request())


@contextlib.contextmanager
def start_floor() -> Iterator[System]:
    """An empty handler of grpc.aio, with the same request."""
    command = [sys.executable, "-m", "benchmarks.serving.floor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield System("empty handler", process.stdout.readline().strip(), process.pid, make_request())
        finally:
            process.kill()

"""What is measured: servers as processes, each with a request to send."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import bessemer
from benchmarks import services
from benchmarks.serving import load
from bessemer.inference.v2 import inference_pb2 as pb

MODEL = "cnn"
SAMPLES = 320


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """A server that runs."""

    name: str
    pid: int
    target: load.Target


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """The model as files, for servers of others, and what it says of the request's picture."""

    folder: pathlib.Path
    scores: list[float]


def make_picture() -> npt.NDArray[np.uint8]:
    """What every request asks about: uint8 [1, 28, 28, 1]."""
    return (np.arange(784) % 256).astype(np.uint8).reshape(1, 28, 28, 1)


def make_request() -> bytes:
    """The request of the Open Inference Protocol."""
    pixels = make_picture()
    request = pb.ModelInferRequest(model_name=MODEL, raw_input_contents=[pixels.tobytes()])
    request.inputs.add(name="image", datatype="UINT8", shape=pixels.shape)
    return request.SerializeToString()


@contextlib.contextmanager
def start_bessemer(folder: pathlib.Path) -> Iterator[tuple[System, Trained]]:
    """With the seed's MNIST CNN, trained for a moment on noise: its answers do not matter here, only that others give the same. The
    model's files come into `folder`.
    """
    draw = np.random.default_rng(0)
    with services.start("--slots", "1") as service:
        file = folder / "noise.npz"
        pixels = draw.integers(0, 256, (SAMPLES, 28, 28, 1), dtype=np.uint8)
        np.savez(file, x_train=pixels, y_train=np.arange(SAMPLES) % 10)
        with bessemer.connect(service.address) as client:
            client.datasets.upload("noise", str(file))
            client.train("mnist_cnn", dataset="noise", epochs=1, name=MODEL).wait(progress=False)
            model = client.models.get(MODEL)
            for ending in ("safetensors", "onnx"):
                model.export(folder / f"model.{ending}")
            (prediction,) = model.predict(make_picture())
        service.load(MODEL)
        target = load.Target(service.address, load.INFER, make_request())
        yield System("bessemer", service.pid, target), Trained(folder, list(prediction.probabilities))


@contextlib.contextmanager
def start_floor() -> Iterator[System]:
    """An empty handler of grpc.aio, with the same request."""
    command = [sys.executable, "-m", "benchmarks.serving.floor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            yield System("empty handler", process.pid, load.Target(address, load.INFER, make_request()))
        finally:
            process.kill()

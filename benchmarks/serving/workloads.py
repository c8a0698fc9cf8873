"""What is asked of every server: three networks, from one that costs nothing to one that costs all.

A workload is published here as a user would, and described to the servers of others by a file beside the model's own
(`workload.json`): they build the same network from the same weights (`rivals/servers/networks.py`).
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import numpy as safetensors

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb

FILE = "workload.json"
FEATURES = 784


@dataclasses.dataclass(frozen=True, slots=True)
class Workload:
    """A network, and the sample that every request asks about."""

    name: str
    """Of the network, and of the model."""
    input: str
    datatype: str
    shape: tuple[int, ...]
    """Of one sample."""
    outputs: int
    """Scores of one sample, FP32."""
    about: str
    """For the page with the results."""
    publish: Callable[[Workload, bessemer.Client, pathlib.Path], None]
    """Makes the model; has a folder for files."""

    def make_sample(self) -> npt.NDArray[Any]:
        """What every request asks about: a batch of one."""
        values = np.arange(math.prod(self.shape)).reshape(1, *self.shape) % 256
        # Features as networks have them: the softmax of large ones would be that of the largest alone.
        return values.astype(np.uint8) if self.datatype == "UINT8" else (values / 128 - 1).astype(np.float32)

    def make_request(self) -> bytes:
        """The request of the Open Inference Protocol."""
        sample = self.make_sample()
        request = pb.ModelInferRequest(model_name=self.name, raw_input_contents=[sample.tobytes()])
        request.inputs.add(name=self.input, datatype=self.datatype, shape=sample.shape)
        return request.SerializeToString()

    def export(self, client: bessemer.Client, folder: pathlib.Path) -> None:
        """The model as files, with their description, for servers of others."""
        model = client.models.get(self.name)
        for ending in ("safetensors", "onnx"):
            model.export(folder / f"model.{ending}")
        names = ("name", "input", "datatype", "shape", "outputs")
        (folder / FILE).write_text(json.dumps({name: getattr(self, name) for name in names}))


def _upload_noise(workload: Workload, client: bessemer.Client, folder: pathlib.Path, count: int) -> None:
    """To learn from for a moment: answers do not matter here, only that others give the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *workload.shape), dtype=np.uint8)
    np.savez(folder / "noise.npz", x_train=pixels, y_train=np.arange(count) % workload.outputs)
    client.datasets.upload("noise", str(folder / "noise.npz"))


def _publish_mnist_cnn(workload: Workload, client: bessemer.Client, folder: pathlib.Path) -> None:
    _upload_noise(workload, client, folder, 320)
    client.train("mnist_cnn", dataset="noise", epochs=1, name=workload.name).wait(progress=False)


def _publish_resnet50(workload: Workload, client: bessemer.Client, folder: pathlib.Path) -> None:
    _upload_noise(workload, client, folder, 2 * workload.outputs)
    layers: list[Any] = [
        {"backbone": {"name": "resnet50", "weights": "random", "pooling": "average"}},
        # Without it, random weights give one class everything, whatever is asked, and answers could not be told apart.
        "layer_norm",
        {"dense": {"units": workload.outputs, "activation": "softmax"}},
    ]
    client.train(
        "sequential",
        dataset="noise",
        name=workload.name,
        options={"layers": layers},
        epochs=1,
        batch_size=4,
        validation_split=0,
    ).wait(progress=False)


def _publish_identity(workload: Workload, client: bessemer.Client, folder: pathlib.Path) -> None:
    """Nothing to learn, so it comes as a file."""
    (size,) = workload.shape
    definition = {
        "kind": "classifier",
        "layers": [{"activation": {"function": "softmax"}}],
        "preprocessing": {"kind": "standardize", "mean": [0.0] * size, "deviation": [1.0] * size},
        "labels": [str(number) for number in range(size)],
        "input_shape": [size],
        "inputs": [{"name": workload.input, "datatype": workload.datatype, "shape": [-1, size]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, size]}],
    }
    file = folder / "identity.safetensors"
    safetensors.save_file({}, file, metadata={"definition": json.dumps(definition)})
    client.models.upload(workload.name, str(file))


MNIST_CNN = Workload(
    "mnist_cnn",
    "image",
    "UINT8",
    (28, 28, 1),
    10,
    "MNIST CNN of the seed, one picture (UINT8, 784 bytes) per request",
    _publish_mnist_cnn,
)
RESNET50 = Workload(
    "resnet50",
    "image",
    "UINT8",
    (224, 224, 3),
    10,
    "ResNet-50 at 224×224 with random weights, a layer norm and a dense layer of 10 classes, one picture per request. Every server gets "
    "it as UINT8 [1, 224, 224, 3], 147 KiB (BentoML and LitServe as their JSON has it), and normalises it: as FP32 it would have four "
    "times the size",
    _publish_resnet50,
)
IDENTITY = Workload(
    "identity",
    "features",
    "FP32",
    (FEATURES,),
    FEATURES,
    f"A network that does next to nothing: {FEATURES} numbers (FP32, 3,136 bytes) per request come back with the softmax in which every "
    "classifier ends, so that what is measured is the server",
    _publish_identity,
)
WORKLOADS = {workload.name: workload for workload in (MNIST_CNN, RESNET50, IDENTITY)}

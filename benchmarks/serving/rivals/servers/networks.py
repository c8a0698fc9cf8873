"""The networks that are measured, as they would be written for any server, from the files that the service of ours has exported.

`workload.json` says which one it is: its name, the name, datatype and shape of the input, and the number of scores.
"""

import json
import os
import pathlib

import numpy as np


class Workload:
    """What is served."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        described = json.loads((self.folder / "workload.json").read_text())
        self.name, self.input, self.datatype = (described[name] for name in ("name", "input", "datatype"))
        self.shape = tuple(described["shape"])
        self.outputs = described["outputs"]
        self.dtype = {"UINT8": np.uint8, "FP32": np.float32}[self.datatype]

    def read(self, data):
        """One sample from its bytes."""
        return np.frombuffer(data, self.dtype).reshape(self.shape)

    def build(self):
        """What runs it, from a batch of samples to scores: eager torch as the servers' documentation shows, or ONNX Runtime where `ENGINE`
        says so.
        """
        threads = int(os.environ["THREADS"])
        build = _build_onnxruntime if os.environ["ENGINE"] == "onnxruntime" else _build_torch
        return build(self, threads)


def _build_onnxruntime(workload, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    file = workload.folder / "model.onnx"
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda samples: session.run(None, {workload.input: samples})[0]


def _build_torch(workload, threads):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    network = NETWORKS[workload.name](load_file(workload.folder / "model.safetensors"), workload).eval()

    def run(samples):
        with torch.inference_mode():
            return network(torch.from_numpy(np.asarray(samples))).numpy()

    return run


def _build_mnist_cnn(weights, workload):
    from torch import nn

    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.Softmax(1)),
    )
    dense = weights["5.weight"].reshape(128, 5, 5, 64)  # ours flattens channels last
    weights["5.weight"] = dense.permute(0, 3, 1, 2).reshape(128, 1600)
    places = {"0": "0", "2": "3", "5": "7", "7": "10"}  # layer of ours: of this list
    network.load_state_dict(
        {f"{places[name.split('.')[0]]}.{name.split('.')[1]}": tensor for name, tensor in weights.items()}
    )
    return _take_pixels(network, [0.0], [1.0])


def _build_resnet50(weights, workload):
    import torchvision
    from torch import nn

    trunk = torchvision.models.resnet50(weights=None)
    trunk.fc = nn.Identity()
    network = nn.Sequential(
        trunk, nn.LayerNorm(2048, eps=1e-3), nn.Linear(2048, workload.outputs), nn.Softmax(1)
    )
    places = {"0.trunk.": "0.", "1.gamma": "1.weight", "1.beta": "1.bias"}  # name of ours: of this list
    for ours, theirs in places.items():
        weights = {name.replace(ours, theirs): tensor for name, tensor in weights.items()}
    network.load_state_dict(weights)
    return _take_pixels(
        network, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )  # as torchvision's models have it


def _build_identity(weights, workload):
    from torch import nn

    return nn.Softmax(1)


NETWORKS = {"mnist_cnn": _build_mnist_cnn, "resnet50": _build_resnet50, "identity": _build_identity}


def _take_pixels(network, mean, deviation):
    """Pixels uint8 [N, H, W, C] to what the network has learnt from."""
    import torch
    from torch import nn

    class Pixels(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.mean, self.deviation = (torch.tensor(v).view(1, -1, 1, 1) for v in (mean, deviation))

        def forward(self, pixels):
            scaled = pixels.permute(0, 3, 1, 2).float() / 255
            return self.network((scaled - self.mean) / self.deviation)

    return Pixels()

"""The seed's MNIST CNN as it would be written for any server: pixels uint8 [N, 28, 28, 1] to probabilities float32 [N, 10]."""

import os
import pathlib

import numpy as np


def build(folder):
    """What runs it: eager torch as the servers' documentation shows, or ONNX Runtime where `ENGINE` says so."""
    threads = int(os.environ["THREADS"])
    if os.environ["ENGINE"] == "onnxruntime":
        return _build_onnxruntime(pathlib.Path(folder, "model.onnx"), threads)
    return _build_torch(pathlib.Path(folder, "model.safetensors"), threads)


def _build_onnxruntime(file, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"image": pixels})[0]


def _build_torch(file, threads):
    import torch
    from safetensors.torch import load_file
    from torch import nn

    torch.set_num_threads(threads)
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.Softmax(1)),
    )
    weights = load_file(file)
    dense = weights["5.weight"].reshape(128, 5, 5, 64)  # ours flattens channels last
    weights["5.weight"] = dense.permute(0, 3, 1, 2).reshape(128, 1600)
    places = {"0": "0", "2": "3", "5": "7", "7": "10"}  # layer of ours: of this list
    network.load_state_dict(
        {f"{places[name.split('.')[0]]}.{name.split('.')[1]}": tensor for name, tensor in weights.items()}
    )
    network.eval()

    def run(pixels):
        with torch.inference_mode():
            scaled = torch.from_numpy(np.asarray(pixels)).permute(0, 3, 1, 2).float() / 255
            return network(scaled).numpy()

    return run

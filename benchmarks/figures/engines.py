"""A script: how long each engine takes for a batch of each size, and prints a line for each model and engine.

python -m benchmarks.figures.engines [MODEL ...]

On the CPU with one thread, and on the first GPU where there is one. The models have random weights. Times are the shortest of half a second, microseconds.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from bessemer_server.layers import lists, networks
from bessemer_server.training import devices, published
from bessemer_server.training.engines import kinds
from bessemer_server.training.exchange import samples

CNN: list[Any] = [
    {"conv2d": {"filters": 32, "kernel": 3, "activation": "relu"}},
    "max_pool2d",
    {"conv2d": {"filters": 64, "kernel": 3, "activation": "relu"}},
    "max_pool2d",
    "flatten",
    {"dense": {"units": 128, "activation": "relu"}},
]
RESNET = [{"backbone": {"name": "resnet50", "weights": "random", "pooling": "average"}}]
LSTM = [{"embedding": {"vocabulary": 10_000, "units": 100}}, {"lstm": {"units": 128}}]
MODELS: dict[str, tuple[list[Any], tuple[int, ...]]] = {
    "mlp": ([{"dense": {"units": 64, "activation": "relu"}}], (30,)),
    "mnist_cnn": (CNN, (28, 28, 1)),
    "lstm_classifier": (LSTM, (100,)),
    "resnet50": (RESNET, (224, 224, 3)),
}
CLASSES = 10
BATCHES = (1, 8, 32)
ENOUGH_S = 0.5


def main() -> None:
    """Measure the models that are named, or all."""
    for name in sys.argv[1:] or MODELS:
        for device in ("cpu", *(["cuda:0"] if torch.cuda.is_available() else [])):
            model = published.Published(*_publish(*MODELS[name]), devices.prepare(device, 1))
            for kind in kinds.REGISTRY:
                if model.device.type in kind.devices:
                    _measure(f"{name} {device} {kind.name}", kind.build(model, 1), model)


def _measure(title: str, engine: kinds.Engine, model: published.Published) -> None:
    times = {size: _time(engine, samples.draw(model.definition, size)) for size in BATCHES}
    print(title, {size: round(time_us) for size, time_us in times.items()}, flush=True)


def _publish(layers: list[Any], shape: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    parsed = lists.parse([*layers, {"dense": {"units": CLASSES, "activation": "softmax"}}], "layers")
    network = networks.initialise(networks.build(parsed, shape), lambda i: torch.Generator().manual_seed(i))
    preprocessing: dict[str, Any] = {"kind": "rescale", "scale": 255}
    datatype = "UINT8" if len(shape) == 3 else "FP32"
    if parsed[0].kind.takes_ids:
        words = [str(i) for i in range(layers[0]["embedding"]["vocabulary"] - 2)]
        preprocessing = {"kind": "text", "words": words, "length": shape[0]}
    definition = {
        "layers": lists.to_json(parsed),
        "preprocessing": preprocessing,
        "input_shape": list(shape),
        "inputs": [{"name": "inputs", "datatype": datatype, "shape": [-1, *shape]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASSES]}],
    }
    return definition, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def _time(engine: kinds.Engine, inputs: Any) -> float:
    engine.run(inputs)
    begin, shortest = time.perf_counter(), float("inf")
    while shortest == float("inf") or time.perf_counter() - begin < ENOUGH_S:
        start = time.perf_counter()
        engine.run(inputs)
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1e6


if __name__ == "__main__":
    main()

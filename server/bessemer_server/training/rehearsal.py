"""The smallest model there is: who builds it first has every library at hand, and measures of later models only them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bessemer_server.training import predictors

DEFINITION: dict[str, Any] = {
    "kind": "classifier",
    "layers": [{"dense": {"units": 2}}],
    "preprocessing": {"kind": "standardize", "mean": [0.0], "deviation": [1.0]},
    "input_shape": [1],
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 1]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}


def rehearse(device: str, engine: str) -> None:
    """Build the model with this engine, and predict."""
    weights = {"0.weight": np.zeros((2, 1), np.float32), "0.bias": np.zeros(2, np.float32)}
    predictors.build(DEFINITION, weights, device, engine).warm()

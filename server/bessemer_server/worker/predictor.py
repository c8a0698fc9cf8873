"""The predictor process: holds models on one device and runs batches."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.training import predictors
from bessemer_server.worker import arrays, service
from bessemer_server.worker.arena import Arena


def main(connection: socket.socket, arena: Arena | None, device: str, threads: int, engine: str) -> None:
    """Serve `load`, `unload` and `predict`."""
    torch.set_num_threads(threads)
    predictor = Predictor(device, engine)
    handlers = {"load": predictor.load, "unload": predictor.unload, "predict": predictor.predict}
    service.serve(connection, handlers, arena)


class Predictor:
    """The models of one process, by key (name/version)."""

    def __init__(self, device: str, engine: str) -> None:
        self._device = device
        self._engine = engine
        self._models: dict[str, predictors.Predictor] = {}

    def load(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Build a model from its definition and weights, choose its engine unless one is named, and run it once. Returns what
        runs it.
        """
        # Copies: the weights must not keep the frame that they came in.
        weights = {name: arrays.to_array(tensor).copy() for name, tensor in body.items()}
        engine = arguments.get("engine") or self._engine
        model = predictors.build(arguments["definition"], weights, self._device, engine)
        model.warm()
        self._models[arguments["key"]] = model
        return model.describe(), {}

    def unload(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Forget a model."""
        self._models.pop(arguments["key"], None)
        return None, {}

    def predict(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Run one batch."""
        inputs = {name: arrays.to_array(tensor) for name, tensor in body.items()}
        outputs = self._models[arguments["key"]].predict(inputs)
        return None, {name: arrays.to_tensor(array) for name, array in outputs.items()}

"""The predictor process: holds models on one device and runs batches."""

from __future__ import annotations

import functools
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import torch

from bessemer_server.training import batches, devices, inference, pending, predictors, rehearsal
from bessemer_server.worker import arrays, resident, service
from bessemer_server.worker.arena import Arena

P = ParamSpec("P")
T = TypeVar("T")


def main(connection: socket.socket, arena: Arena | None, device: str, threads: int, engine: str) -> None:
    """Serve `capacity`, `load`, `unload` and `predict`."""
    if devices.prepare(device, threads).type == "cuda" and arena:
        devices.pin(arena.view)
    rehearsal.rehearse(device, engine)
    predictor = Predictor(device, engine)
    handlers: dict[str, service.Handler] = {
        "capacity": predictor.capacity,
        "load": predictor.load,
        "unload": predictor.unload,
        "predict": predictor.predict,
    }
    service.serve(connection, handlers, arena, ahead={"predict"})


def _fatal(step: Callable[P, T]) -> Callable[P, T]:
    """After an error of the accelerator every further call of this process to it fails: a new process is the only remedy."""

    @functools.wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return step(*args, **kwargs)
        except torch.AcceleratorError:
            traceback.print_exc()
            os._exit(1)

    return run


class Predictor:
    """The models of one process, by key (name/version)."""

    def __init__(self, device: str, engine: str) -> None:
        self._device = device
        self._engine = engine
        self._models: dict[str, batches.Bounded] = {}
        self._free_s = 0.0
        """When the last batch was done."""

    def capacity(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Bytes that the device has, for a GPU."""
        return resident.capacity(self._device), {}

    def load(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Build a model from its definition and weights, choose its engine unless one is named, and run it once. Returns what
        runs it, the `memory_bytes` that it takes and the `warm_s` of its first prediction.
        """
        before = resident.settle(self._device)
        weights = {name: arrays.to_array(tensor) for name, tensor in body.items()}
        engine = arguments.get("engine") or self._engine
        model = predictors.build(arguments["definition"], weights, self._device, engine)
        begun_s = time.perf_counter()
        model.warm()
        warm_s = time.perf_counter() - begun_s
        self._models[arguments["key"]] = batches.Bounded(model)
        grown = resident.settle(self._device) - before
        return {**model.describe(), "memory_bytes": max(grown, 0), "warm_s": warm_s}, {}

    def unload(self, arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        """Forget a model, and give its memory back. Returns the bytes that are still in use."""
        self._models.pop(arguments["key"], None)
        return resident.settle(self._device), {}

    def predict(
        self, arguments: Mapping[str, Any], body: service.Body
    ) -> pending.Pending[tuple[Any, service.Body]]:
        """Run one batch, of which `limit` samples may go through at once. Returns the seconds that it took, and the rows of which the
        network makes no numbers.
        """
        begun_s = time.perf_counter()
        going = self._begin(arguments, body)
        return pending.Pending(
            functools.partial(self._is_done, going), functools.partial(self._finish, going, begun_s)
        )

    @_fatal
    def _begin(self, arguments: Mapping[str, Any], body: service.Body) -> pending.Pending[dict[str, Any]]:
        inputs = {name: arrays.to_array(tensor) for name, tensor in body.items()}
        return self._models[arguments["key"]].begin(inputs, arguments.get("limit"))

    @_fatal
    def _is_done(self, going: pending.Pending[dict[str, Any]]) -> bool:
        return going.done()

    @_fatal
    def _finish(self, going: pending.Pending[dict[str, Any]], begun_s: float) -> service.Result:
        outputs = going.result()
        lost = inference.find_lost(outputs)
        tensors_out = {name: arrays.to_tensor(array) for name, array in outputs.items()}
        before_s, self._free_s = self._free_s, time.perf_counter()
        return [self._free_s - max(begun_s, before_s), lost], tensors_out

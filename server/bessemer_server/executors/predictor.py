"""The server's side of a predictor process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bessemer_server.domain import errors, ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.executors import memory, patience, stored
from bessemer_server.executors.budget import Budget
from bessemer_server.executors.helper import Helper

log = logging.getLogger(__name__)
LEAST_BYTES = 1 << 20
"""What a model is counted as at the least: its graph and its place in tables are not measured as weights are."""


class PredictorClient:
    """Loads models into the predictor process on demand within a budget of memory, and again when it had to be restarted."""

    def __init__(
        self,
        helper: Helper,
        blobs: ports.BlobStore,
        memory_bytes: int = 0,
        *,
        count_memory_kills: Callable[[], int] = memory.count_kills,
        least_patience_s: float = patience.LEAST_S,
    ) -> None:
        """`memory_bytes`: the budget; 0 is half of what the device has."""
        self._helper = helper
        self._blobs = blobs
        self._budget = Budget(memory_bytes)
        self._generation = 0
        self._loading = asyncio.Lock()
        self._known: dict[str, dict[str, str]] = {}
        self._measured: dict[str, dict[str, str]] = {}
        """What was found of an engine, by layers: other weights in the same layers take as long."""
        self._limits: dict[str, int] = {}
        """Rows of a batch after which the kernel ended the process for want of memory, halved."""
        self._count_memory_kills = count_memory_kills
        self._kills = count_memory_kills()
        self._patience = patience.Patience(least_patience_s)

    async def load(self, model: Model) -> None:
        """See `ports.Predictor.load`. Raises `ResourceExhausted` for a model that is larger than the budget. A process that ends
        meanwhile, be it over another call, is asked once more.
        """
        key = _key(model)
        if self._is_loaded(key):
            self._budget.use(key)
            return
        async with self._loading:
            if self._is_loaded(key):  # who asked first has loaded it
                return
            try:
                await self._load(key, model)
            except errors.Unavailable as error:
                if error.reason != Helper.ENDED:
                    raise
                await self._load(key, model)

    async def unload(self, name: str, version: int | None = None) -> None:
        """See `ports.Predictor.unload`."""
        async with self._loading:
            for model in self.loaded():
                if model[0] == name and version in (None, model[1]):
                    await self._unload(_key_of(*model))

    def loaded(self) -> Sequence[tuple[str, int]]:
        """See `ports.Predictor.loaded`."""
        return [_parse_key(key) for key in list(self._budget) if self._is_loaded(key)]

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """See `ports.Predictor.memory`."""
        return [(*model, self._budget.size_bytes(_key_of(*model))) for model in self.loaded()]

    def describe(self, model: Model) -> Mapping[str, str]:
        """See `ports.Predictor.describe`."""
        return self._known.get(_key(model), {})

    async def predict(
        self, model: Model, inputs: Mapping[str, tensors.Tensor]
    ) -> Mapping[str, tensors.Tensor]:
        """See `ports.Predictor.predict`. A process that dies over it is asked once more: predictions change nothing."""
        try:
            return await self._predict(model, inputs)
        except errors.Unavailable as error:
            if error.reason != Helper.ENDED:
                raise
        rows = _count_rows(inputs)
        before, self._kills = self._kills, self._count_memory_kills()
        if self._kills > before and rows > 1:
            self._limits[_key(model)] = rows // 2
        log.warning("predicting again", extra={"model": _key(model), "rows": rows})
        return await self._predict(model, inputs)

    async def _predict(
        self, model: Model, inputs: Mapping[str, tensors.Tensor]
    ) -> Mapping[str, tensors.Tensor]:
        key = _key(model)
        await self.load(model)
        arguments: dict[str, Any] = {"key": key, "limit": self._limits.get(key)}
        rows = _count_rows(inputs)
        size_bytes = sum([tensor.size_bytes for tensor in inputs.values()])
        # No other call comes between the look at what is loaded and this one, and calls are answered in order.
        seconds, outputs = await self._helper.call(
            "predict",
            arguments,
            inputs,
            answer_bytes=rows * model.answer_row_bytes,
            patience_s=self._patience.choose(key, rows, size_bytes, is_batched=model.is_batched),
        )
        self._patience.observe(key, rows, seconds)
        return outputs

    def _is_loaded(self, key: str) -> bool:
        return self._helper.is_alive and self._generation == self._helper.generation and key in self._budget

    async def _load(self, key: str, model: Model) -> None:
        await self._helper.start()
        if self._generation != self._helper.generation:  # a new process, which has nothing yet
            self._generation = self._helper.generation
            self._budget.clear()
        if not self._budget.limit_bytes:
            capacity_bytes, _ = await self._helper.call("capacity", {})
            self._budget.limit_bytes = capacity_bytes // 2
        known = self._known.get(key, {})
        weights_bytes = sum(entry.size_bytes for entry in model.weights.tensors)
        await self._make_room(key, int(known.get("memory_bytes", max(weights_bytes, LEAST_BYTES))))
        weights = await stored.read(model.weights.tensors, self._blobs)
        measured = self._measured.get(model.computation, {})
        arguments = {"key": key, "definition": model.definition, "engine": measured.get("engine")}
        generation = self._generation
        found, _ = await self._helper.call("load", arguments, weights)
        if generation != self._helper.generation:
            raise errors.Unavailable("the predictor process ended; try again", reason=Helper.ENDED)
        self._patience.observe(key, 1, found.pop("warm_s"))
        size = max(found.pop("memory_bytes"), weights_bytes, LEAST_BYTES)
        self._measured.setdefault(model.computation, found)
        self._known[key] = {**measured, **found, "memory_bytes": str(size)}
        log.info("model loaded", extra={"model": key, **self._known[key]})
        self._budget.add(key, size)
        await self._fit(key, size)

    async def _fit(self, key: str, size_bytes: int) -> None:
        """Measured, a model may take more than was expected."""
        try:
            await self._make_room(key, size_bytes)
        except errors.ResourceExhausted:
            await self._unload(key)
            raise

    async def _make_room(self, key: str, size_bytes: int) -> None:
        for other in self._budget.choose_leaving(key, size_bytes):
            await self._unload(other)

    async def _unload(self, key: str) -> None:
        self._budget.remove(key)  # at once: from here on nobody counts on it
        await self._helper.call("unload", {"key": key})
        log.info("model unloaded", extra={"model": key})


def _count_rows(inputs: Mapping[str, tensors.Tensor]) -> int:
    return next(iter(inputs.values())).rows


def _key(model: Model) -> str:
    return f"{model.name}/{model.version}"


def _key_of(name: str, version: int) -> str:
    return f"{name}/{version}"


def _parse_key(key: str) -> tuple[str, int]:
    name, _, version = key.rpartition("/")
    return name, int(version)

"""The server's side of a predictor process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from bessemer_server.domain import errors, ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.executors import memory, patience, stored
from bessemer_server.executors.budget import Budget
from bessemer_server.executors.helper import Helper
from bessemer_server.executors.joint import Joint
from bessemer_server.executors.kills import Kills

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
        self._loads: Joint[str, None] = Joint()
        self._turn = asyncio.Lock()
        """Held by who changes which models are loaded."""
        self._known: dict[str, dict[str, str]] = {}
        self._measured: dict[str, dict[str, str]] = {}
        """What was found of an engine, by layers: other weights in the same layers take as long."""
        self._limits: dict[str, int] = {}
        """Rows of a batch after which the kernel ended the process for want of memory, halved."""
        self._kills = Kills(count_memory_kills)
        self._patience = patience.Patience(least_patience_s)

    async def load(self, model: Model) -> None:
        """See `ports.Predictor.load`. Raises `ResourceExhausted` for a model that is larger than the budget. A process that ends
        meanwhile, be it over another call, is asked once more. The load goes on when all who wait for it give up: the process has
        the model then, and it has to be counted.
        """
        key = _key(model)
        while not self._is_loaded(key):  # the process may end as soon as it has the model
            await self._loads.do(key, lambda: self._load(key, model), self._turn)
        self._budget.use(key)

    async def unload(self, name: str, version: int | None = None) -> None:
        """See `ports.Predictor.unload`."""
        async with self._turn:
            for model in self.loaded():
                if model[0] == name and version in (None, model[1]) and self._is_loaded(_key_of(*model)):
                    await self._unload(_key_of(*model))

    def is_loaded(self, model: Model) -> bool:
        """See `ports.Predictor.is_loaded`."""
        return self._is_loaded(_key(model))

    def loaded(self) -> Sequence[tuple[str, int]]:
        """See `ports.Predictor.loaded`."""
        return [_parse_key(key) for key in list(self._budget) if self._is_loaded(key)]

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """See `ports.Predictor.memory`."""
        return [(*model, self._budget.size_bytes(_key_of(*model))) for model in self.loaded()]

    def describe(self, model: Model) -> Mapping[str, str]:
        """See `ports.Predictor.describe`."""
        return self._known.get(_key(model), {})

    async def predict(self, model: Model, inputs: Mapping[str, tensors.Tensor]) -> ports.Predicted:
        """See `ports.Predictor.predict`. A process that dies over it is asked once more: predictions change nothing."""
        try:
            return await self._predict(model, inputs)
        except errors.Unavailable as error:
            if error.reason != errors.HELPER_ENDED:
                raise
        log.warning("predicting again", extra={"model": _key(model), "rows": _count_rows(inputs)})
        return (await self._predict(model, inputs))._replace(is_again=True)

    async def _predict(self, model: Model, inputs: Mapping[str, tensors.Tensor]) -> ports.Predicted:
        key = _key(model)
        if self._is_loaded(key):
            self._budget.use(key)
        else:
            await self.load(model)
        rows = _count_rows(inputs)
        kills = self._kills.note(asyncio.get_running_loop().time())
        # No other call comes between the look at what is loaded and this one, and calls are answered in order.
        try:
            (seconds, lost), outputs = await self._helper.call(
                "predict",
                {"key": key, "limit": self._limits.get(key)},
                inputs,
                answer_bytes=rows * model.answer_row_bytes,
                patience_s=self._choose_patience(key, rows, inputs, is_batched=model.is_batched),
            )
        except errors.Unavailable as error:
            if error.reason == errors.HELPER_ENDED:
                self._lower_limit(key, rows, kills)
            raise
        self._patience.observe(key, rows, seconds)
        return ports.Predicted(outputs, seconds, lost=lost)

    def _choose_patience(
        self, key: str, rows: int, inputs: Mapping[str, tensors.Tensor], *, is_batched: bool
    ) -> float:
        size_bytes = sum([tensor.size_bytes for tensor in inputs.values()])
        return self._patience.choose(key, rows, size_bytes, is_batched=is_batched)

    def _lower_limit(self, key: str, rows: int, kills: int) -> None:
        """If the kernel ended the process over this batch. No limit rises again: to try is to have the kernel end a process once more,
        and it may choose another one.
        """
        at_once = min(rows, self._limits.get(key, rows))
        if self._kills.have_grown(kills) and at_once > 1:
            self._limits[key] = at_once // 2

    def _is_loaded(self, key: str) -> bool:
        return self._is_same() and key in self._budget

    def _is_same(self) -> bool:
        """Whether the process is the one that the budget is about."""
        return self._helper.is_alive and self._generation == self._helper.generation

    async def _load(self, key: str, model: Model) -> None:
        try:
            await self._try_load(key, model)
        except errors.Unavailable as error:
            if error.reason != errors.HELPER_ENDED:
                raise
            await self._try_load(key, model)

    async def _try_load(self, key: str, model: Model) -> None:
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
        if not self._is_same():  # another process would have what no budget counts
            raise errors.Unavailable("the predictor process ended; try again", reason=errors.HELPER_ENDED)
        found, _ = await self._helper.call("load", arguments, weights)
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
        try:
            await self._helper.call("unload", {"key": key})
        except errors.Unavailable as error:
            if error.reason != errors.HELPER_ENDED:  # with the process, the model is gone
                raise
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

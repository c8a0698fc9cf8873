"""The server's side of a predictor process."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping

from bessemer_server.domain import ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.executors import stored
from bessemer_server.executors.helper import Helper

log = logging.getLogger(__name__)

MAX_LOADED = 32
"""Models held at once; the one that was used least recently goes."""


class PredictorClient:
    """Loads models into the predictor process on demand, and again when it had to be restarted."""

    def __init__(self, helper: Helper, blobs: ports.BlobStore) -> None:
        self._helper = helper
        self._blobs = blobs
        self._loaded: OrderedDict[str, None] = OrderedDict()
        self._generation = 0
        self._loading = asyncio.Lock()
        self._known: dict[str, dict[str, str]] = {}

    async def load(self, model: Model) -> None:
        """See `ports.Predictor.load`."""
        key = _key(model)
        async with self._loading:
            if self._generation != self._helper.generation:
                self._loaded.clear()
            if key in self._loaded and self._helper.is_alive:
                self._loaded.move_to_end(key)
                return
            # A version never changes: what was measured of it once holds.
            arguments = {
                "key": key,
                "definition": model.definition,
                "engine": self._known.get(key, {}).get("engine"),
            }
            weights = await stored.read(model.weights.tensors, self._blobs)
            found, _ = await self._helper.call("load", arguments, weights)
            self._known[key] = {**found, **self._known.get(key, {})}
            log.info("model loaded", extra={"model": key, **found})
            if self._generation != self._helper.generation:  # a new process, with this model only
                self._generation = self._helper.generation
                self._loaded.clear()
            self._loaded[key] = None
            if len(self._loaded) > MAX_LOADED:
                oldest, _ = self._loaded.popitem(last=False)
                await self._helper.call("unload", {"key": oldest})

    def describe(self, model: Model) -> Mapping[str, str]:
        """See `ports.Predictor.describe`."""
        return self._known.get(_key(model), {})

    async def predict(
        self, model: Model, inputs: Mapping[str, tensors.Tensor]
    ) -> Mapping[str, tensors.Tensor]:
        """See `ports.Predictor.predict`. The model must be loaded."""
        rows = next(iter(inputs.values())).rows
        _, outputs = await self._helper.call(
            "predict", {"key": _key(model)}, inputs, answer_bytes=_count_bytes(model, rows)
        )
        return outputs


def _count_bytes(model: Model, rows: int) -> int:
    """What the outputs of a batch take; of a model without batches nobody knows before."""
    if not model.is_batched:
        return 0
    return sum(tensors.size_bytes(spec.datatype, (rows, *spec.shape[1:])) for spec in model.outputs)


def _key(model: Model) -> str:
    return f"{model.name}/{model.version}"

"""The server's side of evaluations: each in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from bessemer_server.domain import ports, tensors
from bessemer_server.domain.datasets import Content
from bessemer_server.domain.evaluations import ClassResult, Evaluation
from bessemer_server.domain.models import Model
from bessemer_server.executors import stored
from bessemer_server.executors.helper import Helper


class EvaluatorClient:
    """Forks an evaluator for each call: it holds a data set and a model, and both go with it."""

    def __init__(self, make_helper: Callable[[], Helper], blobs: ports.BlobStore) -> None:
        self._make_helper = make_helper
        self._blobs = blobs
        self._one_at_a_time = asyncio.Lock()

    async def evaluate(
        self, model: Model, dataset: str, split: str, uploaded: Content | None = None
    ) -> Evaluation:
        """See `ports.Evaluator.evaluate`."""
        arguments = {
            "definition": model.definition,
            "spec": model.effective_spec,
            "dataset": dataset,
            "split": split,
            "uploaded": dataclasses.asdict(uploaded) if uploaded else None,
        }
        async with self._one_at_a_time:
            helper = self._make_helper()
            try:
                answer, _ = await helper.call("evaluate", arguments, await self._read(model, uploaded))
            finally:
                await helper.close()
        classes = tuple(ClassResult(**{**c, "predicted": tuple(c["predicted"])}) for c in answer["classes"])
        return Evaluation(**{**answer, "classes": classes})

    async def _read(self, model: Model, uploaded: Content | None) -> dict[str, tensors.Tensor]:
        weights = await stored.read(model.weights.tensors, self._blobs)
        samples = await stored.read(uploaded.tensors, self._blobs) if uploaded else {}
        return {f"weights/{name}": tensor for name, tensor in weights.items()} | {
            f"samples/{name}": tensor for name, tensor in samples.items()
        }

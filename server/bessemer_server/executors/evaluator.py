"""The server's side of evaluations: each in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib
from collections.abc import Callable

from bessemer_server.domain import ports
from bessemer_server.domain.datasets import Content
from bessemer_server.domain.evaluations import ClassResult, Evaluation
from bessemer_server.domain.models import Model
from bessemer_server.executors import samples, stored
from bessemer_server.executors.helper import Helper


class EvaluatorClient:
    """Forks an evaluator for each call: it holds a data set and a model, and both go with it."""

    def __init__(
        self, make_helper: Callable[[], Helper], blobs: ports.BlobStore, folder: pathlib.Path
    ) -> None:
        """`folder`: where uploaded data sets are laid down for an evaluator to read."""
        self._make_helper = make_helper
        self._folder = folder
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
        async with self._one_at_a_time, samples.laid_down(uploaded, self._blobs, self._folder) as path:
            arguments["samples"] = path
            weights = await stored.read(model.weights.tensors, self._blobs)
            helper = self._make_helper()
            try:
                answer, _ = await helper.call("evaluate", arguments, weights)
            finally:
                await helper.close()
        classes = tuple(ClassResult(**{**c, "predicted": tuple(c["predicted"])}) for c in answer["classes"])
        return Evaluation(**{**answer, "classes": classes})

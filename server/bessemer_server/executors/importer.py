"""The server's side of imports: each in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from bessemer_server.domain.checkpoints import Manifest, TensorEntry
from bessemer_server.domain.models import Model, Origin, Publication
from bessemer_server.executors.helper import Helper


class ImporterClient:
    """Forks an importer for each call: what a file took of memory, or broke, goes with it."""

    def __init__(self, make_helper: Callable[[], Helper]) -> None:
        self._make_helper = make_helper
        self._one_at_a_time = asyncio.Lock()

    async def read(self, path: str, output: str, like: Model | None) -> tuple[Publication, Origin]:
        """See `ports.Importer.read`."""
        arguments = {"path": path, "output": output, "like": _describe(like) if like else None}
        async with self._one_at_a_time:
            helper = self._make_helper()
            try:
                answer, _ = await helper.call("import", arguments)
            finally:
                await helper.close()
        weights = Manifest(0, 0, tuple(map(TensorEntry.from_json, answer["tensors"])))
        return Publication(weights, answer["definition"], answer["parameters"]), Origin(**answer["origin"])


def _describe(model: Model) -> dict[str, Any]:
    origin = Origin(model.architecture, effective_spec=model.effective_spec)
    return {"definition": model.definition, "origin": dataclasses.asdict(origin)}

"""The server's side of exports as ONNX: each in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable

from bessemer_server.domain import ports
from bessemer_server.domain.models import Model
from bessemer_server.executors import stored
from bessemer_server.executors.helper import Helper

PART_BYTES = 1 << 20


class ExporterClient:
    """Forks an exporter for each call; the file that it writes is handed out in parts, and goes."""

    def __init__(
        self, make_helper: Callable[[], Helper], blobs: ports.BlobStore, folder: pathlib.Path
    ) -> None:
        """`folder`: where the files lie meanwhile."""
        self._make_helper = make_helper
        self._folder = folder
        self._blobs = blobs
        self._one_at_a_time = asyncio.Lock()

    async def export(self, model: Model) -> AsyncIterator[bytes]:
        """See `ports.Exporter.export`."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".onnx") as file:
            async with self._one_at_a_time:
                await self._write(model, file.name)
            while part := await asyncio.to_thread(file.read, PART_BYTES):
                yield part

    async def _write(self, model: Model, path: str) -> None:
        arguments = {
            "definition": model.definition,
            "metadata": {"model": f"{model.name}@{model.version}"},
            "path": path,
        }
        weights = await stored.read(model.weights.tensors, self._blobs)
        helper = self._make_helper()
        try:
            await helper.call("export", arguments, weights)
        finally:
            await helper.close()

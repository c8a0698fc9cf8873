"""An uploaded data set from its blobs to a file, which a process reads piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import tempfile
from collections.abc import AsyncIterator

from bessemer_server.domain import ports
from bessemer_server.domain.datasets import Content


@contextlib.asynccontextmanager
async def laid_down(
    content: Content | None, blobs: ports.BlobStore, folder: pathlib.Path
) -> AsyncIterator[str]:
    """Path of a file with the bytes of all tensors in their order, while the context lasts; empty for no data set."""
    if content is None:
        yield ""
        return
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for digest in content.digests():
            await asyncio.to_thread(file.write, await blobs.get(digest))
        await asyncio.to_thread(file.flush)
        yield file.name

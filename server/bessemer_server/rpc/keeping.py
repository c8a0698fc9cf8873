"""What was uploaded, on its way into the store."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import AsyncIterator, Sequence

from bessemer_server.domain import ports
from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.holders import Holder
from bessemer_server.rpc import spooling
from bessemer_server.scheduling.loop import utc_now

HOLD = datetime.timedelta(days=1)
"""How long blobs of an upload are kept that nothing came to refer to, because the server was killed meanwhile."""


@contextlib.asynccontextmanager
async def stored(
    store: ports.Holds, blobs: ports.BlobStore, spool: spooling.Spool, tensors: Sequence[TensorEntry]
) -> AsyncIterator[None]:
    """The bytes of the tensors are in the store, and stay there at least until this ends: refer to them meanwhile."""
    holder = Holder.of_upload(uuid.uuid4().hex, utc_now() + HOLD)
    digests = (digest for tensor in tensors for digest in tensor.digests)
    try:
        missing = set(await store.hold_blobs(holder, digests, utc_now()))
        async for part in spool.read_output(tensors, missing):
            await blobs.put(part)
        yield
    finally:
        await store.release_blobs(holder)

"""Blobs in the SQL database: nothing else to install, back up or keep consistent."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bessemer_server.blobs import checks
from bessemer_server.stores.sql import blobs as statements
from bessemer_server.stores.sql.database import Database

BATCH_BYTES = 8 * 1024 * 1024
"""Roughly what one write may hold, so that others get their turn."""


class SqlBlobStore:
    """`domain.ports.BlobStore` over the database of a `SqlStore`, through the same writer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def missing(self, digests: Iterable[str]) -> Sequence[str]:
        wanted = list(digests)
        return await self._database.read(lambda connection: statements.missing(connection, wanted))

    async def put(self, blobs: Mapping[str, bytes]) -> None:
        await asyncio.to_thread(checks.check_incoming, blobs)
        for batch in _batches(blobs):
            await self._put(batch)

    async def get(self, digest: str) -> bytes:
        data = await self._database.read(lambda connection: statements.get(connection, digest))
        if data is None:
            raise checks.unknown_blob(digest)
        return await asyncio.to_thread(checks.check_stored, digest, data)

    async def _put(self, batch: Mapping[str, bytes]) -> None:
        await self._database.write("put_blobs", lambda connection: statements.put(connection, batch))


def _batches(blobs: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    batch: dict[str, bytes] = {}
    size_bytes = 0
    for digest, data in blobs.items():
        batch[digest] = data
        size_bytes += len(data)
        if size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = {}, 0
    if batch:
        yield batch

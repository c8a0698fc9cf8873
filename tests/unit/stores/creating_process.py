"""Creates jobs without end and prints the id of each that was acknowledged. Started, and killed, by a test.

Arguments: URL of a database, prefix of the ids.
"""

from __future__ import annotations

import asyncio
import datetime
import sys

from bessemer_server.domain.jobs import NewJob
from bessemer_server.stores.sql.store import SqlStore


async def main(url: str, prefix: str) -> None:
    """Eight callers at once, so that commits hold several writes."""
    store = await SqlStore.open(url)
    await asyncio.gather(*(create(store, f"{prefix}-{caller}") for caller in range(8)))


async def create(store: SqlStore, prefix: str) -> None:
    """Create and acknowledge, for ever."""
    number = 0
    while True:
        job = NewJob(f"{prefix}-{number}", "name", {}, {"architecture": "mlp"})
        await store.create_job(job, datetime.datetime.now(datetime.UTC))
        print(job.id, flush=True)
        number += 1


asyncio.run(main(*sys.argv[1:]))

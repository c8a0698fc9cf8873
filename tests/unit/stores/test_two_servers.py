"""Two servers on one PostgreSQL: each job has one owner, and each event one number."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from bessemer_server.blobs.sql import SqlBlobStore
from bessemer_server.domain import errors
from bessemer_server.domain.ports import Store
from bessemer_server.stores.sql.store import SqlStore
from tests.conformance import samples


@pytest.fixture
async def servers(postgres_url: str) -> AsyncIterator[list[SqlStore]]:
    opened = [await SqlStore.open(postgres_url) for _ in range(2)]
    yield opened
    for store in opened:
        await store.close()


async def test_each_job_is_started_by_one_of_them(servers: list[SqlStore]) -> None:
    job_ids = [f"job-{n}" for n in range(50)]
    for job_id in job_ids:
        await samples.create(servers[0], job_id)

    async def claim(store: Store, name: str) -> list[str]:
        order = random.Random(name).sample(job_ids, len(job_ids))
        return [j for j in order if await store.start_attempt(j, name, f"{name} {j}", samples.START)]

    claims = await asyncio.gather(
        *(claim(store, f"{n}-{m}") for n, store in enumerate(servers) for m in range(3))
    )
    assert sorted(job_id for claim in claims for job_id in claim) == sorted(job_ids)
    attempts = await servers[0].active_attempts()
    assert {attempt.number for attempt in attempts} == {1}
    assert len(attempts) == 50


async def test_events_of_one_job_that_both_write_have_no_gaps(servers: list[SqlStore]) -> None:
    await samples.begin(servers[0])
    await asyncio.gather(
        *(
            servers[n % 2].report("job-1", 1, [samples.epoch_metric(n)], samples.progress(n), samples.START)
            for n in range(40)
        )
    )
    events = await servers[0].events("job-1", 0, 1000)
    assert [event.cursor for event in events] == list(range(1, 84))


async def test_one_request_that_reaches_both_makes_one_job(servers: list[SqlStore]) -> None:
    made = await asyncio.gather(
        *(samples.create(servers[n % 2], f"job-{n}", request_id="r", fingerprint="f") for n in range(20))
    )
    assert len({job.id for job in made}) == 1


async def test_crosswise_blobs_of_both_are_all_stored(servers: list[SqlStore]) -> None:
    blobs = [SqlBlobStore(store.database) for store in servers]
    parts = [n.to_bytes(2, "big") for n in range(500)]
    await asyncio.gather(
        *(samples.put(blobs[n % 2], *random.Random(n).sample(parts, len(parts))) for n in range(8))
    )
    assert await blobs[0].missing(samples.manifest(1, *parts).digests()) == []


async def test_a_connection_that_postgresql_ends_fails_one_request_and_the_next_one_works(
    servers: list[SqlStore],
) -> None:
    store = servers[0]
    end = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")
    for run in (functools.partial(store.database.write, "test"), store.database.read):
        with pytest.raises(errors.Unavailable):
            await run(lambda connection: connection.execute(end))
    await samples.create(store)
    assert (await store.get_job("job-1")).id == "job-1"

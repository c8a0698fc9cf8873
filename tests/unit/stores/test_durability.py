"""What was acknowledged is there after a kill, and after an orderly end."""

from __future__ import annotations

import pathlib
import sqlite3
import subprocess
import sys

import sqlalchemy as sa

from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.jobs import JobFilter
from bessemer_server.stores.sql.store import SqlStore
from tests.conformance import samples
from tests.fix_database import Stores

CREATING = pathlib.Path(__file__).with_name("creating_process.py")


def create_until_killed(url: str, prefix: str, count: int) -> list[str]:
    """Ids that a process acknowledged before it was killed, at least `count`."""
    command = [sys.executable, str(CREATING), url, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(count)]
        process.kill()
        # What was in the pipe when it died was acknowledged too; the last line may be cut.
        acknowledged += process.stdout.readlines()
    return [line.strip() for line in acknowledged if line.endswith("\n")]


async def test_every_acknowledged_job_survives_kill_9(database_url: str) -> None:
    acknowledged = set[str]()
    for round in range(3):
        acknowledged.update(create_until_killed(database_url, f"round-{round}", count=50 * (round + 1)))
    store = await SqlStore.open(database_url)
    page = await store.list_jobs(JobFilter(), 100_000, "")
    events = [await store.events(job.id, 0, 10) for job in page.items[:50]]
    await store.close()
    assert len(acknowledged) >= 300
    assert acknowledged <= {job.id for job in page.items}
    assert [len(of_job) for of_job in events] == [1] * 50


def test_a_sqlite_file_is_whole_after_kill_9(sqlite_url: str) -> None:
    create_until_killed(sqlite_url, "round", count=100)
    connection = sqlite3.connect(str(sa.make_url(sqlite_url).database))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


async def test_everything_is_the_same_after_closing_and_opening_again(database_url: str) -> None:
    async def everything(stores: Stores) -> list[object]:
        store = stores.store
        return [
            (await store.list_jobs(JobFilter(), 100, "")).items,
            await store.active_attempts(),
            await store.events("job-1", 0, 100),
            (await store.list_metrics("job-1", [], 100, "")).items,
            await store.list_checkpoints("job-1"),
            (await store.list_models("", 100, "")).items,
            await store.authenticate(f"token of job-2 at {samples.START}"),
            await stores.blobs.get(samples.manifest(1).tensors[0].digests[0]),
        ]

    stores = await Stores.open(database_url)
    await samples.put(stores.blobs)
    await samples.begin(stores.store, "job-1")
    await samples.begin(stores.store, "job-2")
    metrics = [samples.step_metric(1), samples.epoch_metric(1)]
    await stores.store.report("job-1", 1, metrics, samples.progress(10), samples.START)
    await stores.store.commit_checkpoint("job-1", 1, samples.manifest(10), Retention(2), samples.START)
    await stores.store.succeed("job-1", 1, samples.publication(), samples.at(1))
    before = await everything(stores)
    await stores.store.close()

    again = await Stores.open(database_url)
    assert await everything(again) == before
    await again.store.close()

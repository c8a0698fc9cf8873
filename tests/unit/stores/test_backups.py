"""Backups hold every row, from and to each kind of database; what is damaged is told, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import pathlib
import random
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Failure, Reason
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.stores.sql import backups, engines, tables
from tests.conformance import samples
from tests.fix_database import Stores


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgres_url"))
    return f"sqlite:///{tmp_path}/restored/bessemer.db"


async def fill(stores: Stores) -> None:
    """A job at work, one that ended with a model, a data set, and what is hard to keep: NaN, infinities, odd strings."""
    store, blobs = stores.store, stores.blobs
    await samples.upload(store)
    for job_id in ("job-1", "job-2"):
        await samples.begin(store, job_id, request_id=f"key of {job_id}")
        odd = [
            Metric(Scope.STEP, "train/loss", step, 1, value)
            for step, value in enumerate((float("nan"), float("inf"), 1e-320))
        ]
        await store.report(job_id, 1, odd, samples.progress(2), samples.at(1))
        await samples.put(blobs)
        await samples.commit(store, job_id)
    odd_words = Failure(Reason.WORKER_LOST, "a \x00 b \ud800", "nothing")
    await store.release("job-1", 1, odd_words, True, samples.at(2))
    await store.succeed("job-2", 1, samples.publication(), samples.at(2))


def read_all(url: str) -> dict[str, list[str]]:
    opened = engines.make(url)
    with opened.reading.connect() as connection, connection.begin():
        rows = {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in tables.metadata.sorted_tables
        }
    opened.dispose()
    return rows


@contextlib.contextmanager
def edited(file: pathlib.Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        yield connection


async def test_what_is_restored_is_what_was_there_whichever_the_databases(
    database_url: str, empty_url: str, tmp_path: pathlib.Path
) -> None:
    stores = await Stores.open(database_url)
    await fill(stores)
    saved = backups.save(database_url, tmp_path / "b.db", samples.START)
    await samples.create(stores.store, "after")
    await stores.store.delete_dataset("flowers")
    assert (saved.jobs, saved.models, saved.blobs, saved.damaged) == (2, 1, 2, ())  # one is a manifest
    assert backups.restore(tmp_path / "b.db", empty_url) == saved
    await stores.store.close()
    restored = read_all(empty_url)
    now = read_all(database_url)
    assert len(restored.pop("datasets")) == 1
    assert now.pop("datasets") == []
    for rows in now.values():
        rows[:] = [row for row in rows if "'after'" not in row]
    assert len(restored.pop("attempts")) == len(now.pop("attempts")) == 2
    assert restored == now
    assert restored["metrics"]
    again = await Stores.open(empty_url)
    assert (await again.store.get_job("job-1")).state == "QUEUED"
    await again.store.close()


@pytest.fixture
async def backup(sqlite_url: str, tmp_path: pathlib.Path) -> pathlib.Path:
    stores = await Stores.open(sqlite_url)
    await fill(stores)
    await stores.store.close()
    backups.save(sqlite_url, tmp_path / "b.db", samples.START)
    return tmp_path / "b.db"


def test_a_backup_is_one_file_and_nothing_is_left_beside_it(backup: pathlib.Path) -> None:
    assert [path.name for path in backup.parent.glob("*b.db*")] == ["b.db"]


def test_nothing_is_overwritten(backup: pathlib.Path, sqlite_url: str) -> None:
    with pytest.raises(errors.FailedPrecondition, match=r"b\.db exists already"):
        backups.save(sqlite_url, backup, samples.START)
    with pytest.raises(errors.FailedPrecondition, match="a folder that is empty"):
        backups.restore(backup, sqlite_url)


@pytest.mark.parametrize("ending", backups.LOGS)
def test_a_log_that_another_database_left_is_not_taken_over(
    backup: pathlib.Path, tmp_path: pathlib.Path, ending: str
) -> None:
    folder = tmp_path / "used"
    folder.mkdir()
    (folder / f"bessemer.db{ending}").write_bytes(b"pages of another database")
    with pytest.raises(errors.FailedPrecondition, match=rf"bessemer\.db{ending} exists already"):
        backups.restore(backup, f"sqlite:///{folder}/bessemer.db")
    assert [path.name for path in folder.iterdir()] == [f"bessemer.db{ending}"]


async def test_a_trainer_of_the_time_before_is_nobody_where_a_backup_was_restored(
    sqlite_url: str, empty_url: str, tmp_path: pathlib.Path
) -> None:
    stores = await Stores.open(sqlite_url)
    await samples.begin(stores.store)
    await stores.store.set_pid("job-1", 1, 4711)
    token = (await read_attempt(sqlite_url))["token_digest"]
    backups.save(sqlite_url, tmp_path / "b.db", samples.START)
    await stores.store.authenticate(token)
    await stores.store.close()
    backups.restore(tmp_path / "b.db", empty_url)
    again = await Stores.open(empty_url)
    with pytest.raises(errors.Unauthenticated):
        await again.store.authenticate(token)
    assert (await read_attempt(empty_url))["pid"] == 0
    await again.store.close()


async def read_attempt(url: str) -> dict[str, Any]:
    opened = engines.make(url)
    with opened.reading.connect() as connection, connection.begin():
        row = connection.execute(sa.select(tables.attempts)).one()
    opened.dispose()
    return dict(row._mapping)


def test_a_postgresql_database_with_something_in_it_is_refused(
    backup: pathlib.Path, postgres_url: str
) -> None:
    with pytest.raises(errors.FailedPrecondition, match="not empty"):
        backups.restore(backup, postgres_url)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 200))]
)
def test_a_backup_whose_bytes_changed_is_not_restored(
    backup: pathlib.Path, tmp_path: pathlib.Path, seed: int
) -> None:
    sound = read_all(f"sqlite:///{backup}")
    data = bytearray(backup.read_bytes())
    place = random.Random(seed).randrange(len(data))
    data[place : place + 512] = b"\xa5" * len(data[place : place + 512])
    backup.write_bytes(data)
    url = f"sqlite:///{tmp_path}/other/bessemer.db"
    try:
        backups.restore(backup, url)
    except errors.DataLoss:
        assert not list((tmp_path / "other").glob("bessemer.db*"))
    else:  # in a place that holds nothing
        restored = read_all(url)
        assert len(restored.pop("attempts")) == len(sound.pop("attempts"))
        assert restored == sound


def test_a_flipped_bit_of_a_blob_is_found(backup: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with edited(backup) as connection:
        connection.execute("UPDATE blobs SET data = x'00010203ff'")
    with pytest.raises(errors.DataLoss, match="the bytes of blob"):
        backups.restore(backup, f"sqlite:///{tmp_path}/other/bessemer.db")


def test_a_blob_that_was_damaged_before_is_told_and_the_rest_is_kept(
    backup: pathlib.Path, sqlite_url: str, tmp_path: pathlib.Path
) -> None:
    with edited(tmp_path / "bessemer.db") as connection:
        connection.execute("UPDATE blobs SET data = x'ff'")
    saved = backups.save(sqlite_url, tmp_path / "c.db", samples.START)
    assert len(saved.damaged) == 2  # a tensor's and a manifest
    url = f"sqlite:///{tmp_path}/other/bessemer.db"
    assert backups.restore(tmp_path / "c.db", url) == saved
    assert read_all(url)["damaged_blobs"] != []


def test_other_files_and_other_releases_are_refused(backup: pathlib.Path, tmp_path: pathlib.Path) -> None:
    url = f"sqlite:///{tmp_path}/other/bessemer.db"
    with pytest.raises(errors.NotFound, match="no file"):
        backups.restore(tmp_path / "absent.db", url)
    text = tmp_path / "notes.txt"
    text.write_text("no database")
    with pytest.raises(errors.DataLoss, match="not a database"):
        backups.restore(text, url)
    with edited(backup) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.FailedPrecondition, match="9999"):
        backups.restore(backup, url)

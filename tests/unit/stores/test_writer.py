"""The threads that write: what shares a transaction, what fails alone, and what is never answered too early."""

from __future__ import annotations

import asyncio
import pathlib
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.stores.sql import database, engines, writer

Work = Callable[[sa.Connection], object]


@pytest.fixture
def opened(tmp_path: pathlib.Path) -> Iterator[engines.Engines]:
    """A database with one table whose values are unique, and one whose orphans are found at the commit."""
    made = engines.make(f"sqlite:///{tmp_path}/test.db")
    with made.writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE written (value INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE orphans (parent INTEGER REFERENCES written DEFERRABLE INITIALLY DEFERRED)"
        )
    yield made
    made.dispose()


@pytest.fixture
def writing(opened: engines.Engines) -> Iterator[writer.Writer]:
    made = writer.Writer(opened.writing, threads=1, group=256, capacity=16)
    yield made
    made.close()


def insert(value: int) -> Work:
    return lambda connection: connection.exec_driver_sql(f"INSERT INTO written VALUES ({value})")


def values(opened: engines.Engines) -> list[int]:
    with opened.reading.connect() as connection:
        return list(connection.exec_driver_sql("SELECT value FROM written ORDER BY value").scalars())


class Gate:
    """A write that holds the writer until others wait behind it: those then share the next transaction."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, connection: sa.Connection) -> None:
        self.entered.set()
        self.opened.wait()


async def run_as_group(writing: writer.Writer, *works: Work) -> list[object]:
    """Results, or exceptions, of writes that share one transaction."""
    gate = Gate()
    first = asyncio.create_task(writing.submit(gate))
    await asyncio.to_thread(gate.entered.wait)
    others = [asyncio.create_task(writing.submit(work)) for work in works]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    return list(await asyncio.gather(*others, return_exceptions=True))


async def test_a_write_returns_what_its_function_returned_once_it_is_committed(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    def work(connection: sa.Connection) -> str:
        insert(1)(connection)
        return "done"

    assert await writing.submit(work) == "done"
    assert values(opened) == [1]


async def test_writes_that_wait_together_share_one_transaction(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    commits: list[object] = []
    sa.event.listen(opened.writing, "commit", commits.append)
    await run_as_group(writing, *(insert(n) for n in range(10)))
    assert len(commits) == 2
    assert values(opened) == list(range(10))


async def test_a_write_that_fails_in_a_group_fails_alone_and_leaves_nothing(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    def fail(connection: sa.Connection) -> None:
        insert(99)(connection)
        raise errors.StaleAttempt("old")

    outcomes = await run_as_group(writing, insert(1), fail, insert(1), insert(2))
    assert isinstance(outcomes[1], errors.StaleAttempt)
    assert isinstance(outcomes[2], sa.exc.IntegrityError)
    assert not isinstance(outcomes[0], BaseException)
    assert not isinstance(outcomes[3], BaseException)
    assert values(opened) == [1, 2]


async def test_a_commit_that_fails_fails_every_write_of_the_group_and_the_next_one_works(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    def orphan(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO orphans VALUES (12345)")

    outcomes = await run_as_group(writing, insert(1), orphan, insert(2))
    assert [type(outcome) for outcome in outcomes] == [errors.Unavailable] * 3
    assert values(opened) == []
    await writing.submit(insert(3))
    assert values(opened) == [3]


async def test_a_transaction_that_the_database_threw_away_acknowledges_none_of_its_writes(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    def lose(connection: sa.Connection) -> None:
        # What SQLite does of its own when the disk is full.
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("disk full")

    outcomes = await run_as_group(writing, insert(1), lose, insert(2))
    assert [type(outcome) for outcome in outcomes] == [errors.Unavailable] * 3
    assert values(opened) == []
    await writing.submit(insert(3))
    assert values(opened) == [3]


async def test_a_connection_is_rebuilt_after_a_failed_commit(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    seen: list[object] = []
    remember = lambda connection: seen.append(connection.connection.dbapi_connection)  # noqa: E731
    await writing.submit(remember)
    await writing.submit(remember)
    with pytest.raises(errors.Unavailable):
        await writing.submit(lambda c: c.exec_driver_sql("INSERT INTO orphans VALUES (12345)"))
    await writing.submit(remember)
    assert seen[0] is seen[1]
    assert seen[1] is not seen[2]


async def test_the_write_of_a_caller_that_was_cancelled_still_happens(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    gate = Gate()
    first = asyncio.create_task(writing.submit(gate))
    await asyncio.to_thread(gate.entered.wait)
    second = asyncio.create_task(writing.submit(insert(7)))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    gate.opened.set()
    await asyncio.gather(first, second, return_exceptions=True)
    await writing.submit(insert(8))
    assert second.cancelled()
    assert values(opened) == [7, 8]


async def test_a_full_queue_refuses_at_once_and_keeps_what_it_took(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    gate = Gate()
    first = asyncio.create_task(writing.submit(gate))
    await asyncio.to_thread(gate.entered.wait)
    waiting = [asyncio.create_task(writing.submit(insert(n))) for n in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(errors.Unavailable, match="16 writes wait"):
        await writing.submit(insert(99))
    gate.opened.set()
    await asyncio.gather(first, *waiting)
    assert values(opened) == list(range(16))


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    gate = Gate()
    first = asyncio.create_task(writing.submit(gate))
    await asyncio.to_thread(gate.entered.wait)
    waiting = [asyncio.create_task(writing.submit(insert(n))) for n in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(writing.close))
    gate.opened.set()
    await asyncio.gather(first, closing, *waiting)
    assert values(opened) == [0, 1, 2]
    with pytest.raises(errors.Unavailable, match="closed"):
        await writing.submit(insert(9))


async def test_readers_cannot_write(opened: engines.Engines) -> None:
    with opened.reading.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        insert(1)(connection)


async def test_sqlite_is_opened_for_durability(opened: engines.Engines) -> None:
    with opened.writing.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 2, 1, 10_000]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "bessemer.db"]
)
def test_a_url_that_names_no_database_of_ours_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(errors.InvalidArgument, match=r"sqlite:///path/to/bessemer\.db or postgresql://"):
        engines.make(url)


def test_postgresql_without_its_driver_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(errors.InvalidArgument, match=r"pip install \"bessemer\[postgres\]\""):
        engines.make("postgresql://host/database")


async def test_a_server_that_cannot_be_reached_is_unavailable(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.Unavailable, match="connection"):
        await database.Database.open(f"postgresql://user:secret@/database?host={tmp_path}")


def test_a_refused_url_does_not_repeat_its_password() -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        engines.make("mysql://user:secret@host/database")
    assert "secret" not in caught.value.message


async def test_a_write_that_fills_the_disk_is_told_so_alone_and_succeeds_once_there_is_room(
    opened: engines.Engines, writing: writer.Writer
) -> None:
    def limit(pages: int) -> Work:
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one()

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(1000000) AS value")

    await writing.submit(limit(1))  # becomes as many as there are
    one, full, two = await run_as_group(writing, insert(1), fill, insert(2))
    assert isinstance(full, errors.DiskFull)
    assert full.reason == "DISK_FULL"
    assert not isinstance(one, Exception)
    assert not isinstance(two, Exception)
    assert values(opened) == [1, 2]
    await writing.submit(limit(1_000_000))
    await writing.submit(fill)

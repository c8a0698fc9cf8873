"""Connections: how each database is opened for the one who writes and for those who read."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sqlite3
import urllib.parse
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import event

from bessemer_server.domain import errors
from bessemer_server.stores.sql import fullness

READERS = 4
"""Connections, and threads, that read at once."""
BUSY_TIMEOUT_S = 10.0
"""How long SQLite waits for a lock that another process holds, e.g. a backup."""


@dataclasses.dataclass(frozen=True, slots=True)
class Engines:
    """How to write and how to read one database."""

    writing: sa.Engine
    reading: sa.Engine
    writers: int
    """Connections that write at once."""
    group: int
    """Writes that one transaction may hold."""

    def dispose(self) -> None:
        """Close all connections, the writing ones last: SQLite's last connection empties the write-ahead log."""
        self.reading.dispose()
        self.writing.dispose()


def make(url: str) -> Engines:
    """Engines for `sqlite:///path/to/file.db` or `postgresql://user@host/database`. Connects to nothing yet."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise _unusable("it is not a URL") from None
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return _sqlite(pathlib.Path(parsed.database))
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise _unusable(f"{parsed.drivername!r} without a file or server of ours")


def _sqlite(path: pathlib.Path) -> Engines:
    """One connection writes and empties the log, all others cannot: up to 3.51.2 the log could be corrupted by two
    connections that did so at once (https://sqlite.org/wal.html#walresetbug).
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"file:{urllib.parse.quote(str(path))}"

    def connect_writer() -> sqlite3.Connection:
        connection = _connect(f"{address}?mode=rwc")
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit that returned survives a power cut, not only a crash.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA journal_size_limit={64 * 1024 * 1024}")
        return connection

    writing = sa.create_engine(
        "sqlite://", creator=connect_writer, poolclass=sa.QueuePool, pool_size=1, max_overflow=0
    )
    reading = sa.create_engine(
        "sqlite://",
        creator=lambda: _connect(f"{address}?mode=ro"),
        poolclass=sa.QueuePool,
        pool_size=READERS,
        max_overflow=0,
    )
    event.listen(writing, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reading, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return Engines(writing, reading, writers=1, group=256)


def _connect(address: str) -> sqlite3.Connection:
    # isolation_level=None: transactions begin where we say so, DDL included, and not where the driver guesses.
    return sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )


def _postgresql(url: sa.URL) -> Engines:
    """Several connections write, one request in a transaction: PostgreSQL groups commits itself, and a transaction
    that held the rows of several jobs could deadlock with another server's.
    """
    writers = 4
    try:
        writing = sa.create_engine(url, pool_size=writers, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise _unusable(f'{error.name} is not installed: pip install "bessemer[postgres]"') from error
    reading = sa.create_engine(
        url, pool_size=READERS, max_overflow=0, pool_pre_ping=True, isolation_level="REPEATABLE READ"
    ).execution_options(postgresql_readonly=True)
    return Engines(writing, reading, writers, group=1)


def _unusable(why: str) -> errors.InvalidArgument:
    # The URL itself may hold a password and is not repeated.
    description = (
        f"cannot be used ({why}); give sqlite:///path/to/bessemer.db or postgresql://user@host/database"
    )
    return errors.InvalidArgument(violations=[errors.Violation("database", description)])


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the database could not do now becomes `Unavailable`, or `DiskFull`; any other error stays as it is."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        if full := fullness.describe(error):
            raise full from error
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise errors.Unavailable(
            f"the database cannot do this now: {cause}; try again", reason="DATABASE_FAILED"
        ) from error

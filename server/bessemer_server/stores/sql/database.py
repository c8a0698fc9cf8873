"""One open database: who reads, who writes, and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import sqlalchemy as sa

from bessemer_server.domain import errors, failpoints
from bessemer_server.domain.jobs import Obstacle, WaitReason
from bessemer_server.stores.sql import engines, migrations, writer

T = TypeVar("T")
PATIENCE_S = 2.0
"""A write that takes longer is told of."""


class Database:
    """Runs functions over a connection: reads on a few threads, writes through the writer. Never on the loop."""

    def __init__(self, opened: engines.Engines) -> None:
        self._engines = opened
        self._readers = futures.ThreadPoolExecutor(engines.READERS, thread_name_prefix="bessemer-reader")
        self._writer = writer.Writer(opened.writing, threads=opened.writers, group=opened.group)
        self._full: Obstacle | None = None
        self._begun: dict[object, float] = {}
        """When each write that is not done was asked for, oldest first."""

    @classmethod
    async def open(cls, url: str) -> Database:
        """Migrate the database at `url` to the newest schema, and open it."""
        return await asyncio.to_thread(cls._open, url)

    @classmethod
    def _open(cls, url: str) -> Database:
        opened = engines.make(url)
        try:
            with engines.translated():
                migrations.migrate(opened.writing)
        except sa.exc.DatabaseError as error:
            opened.dispose()
            where = sa.make_url(url).render_as_string(hide_password=True)
            raise errors.DataLoss(
                f"the database {where} cannot be read ({error.orig}); restore it from a backup, or move it away to "
                "start with an empty one"
            ) from error
        except BaseException:
            opened.dispose()
            raise
        return cls(opened)

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns from one consistent view of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, name: str, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, once its changes are durable. See `writer.Writer.submit`; `failpoints.WRITES` has the name."""

        def run(connection: sa.Connection) -> T:
            result = work(connection)
            failpoints.hit(f"{name}.before_commit")
            return result

        key = object()
        self._begun[key] = time.monotonic()
        try:
            result = await self._writer.submit(run)
        except errors.DiskFull as error:
            self._full = Obstacle(WaitReason.DISK_FULL, error.message)
            raise
        finally:
            del self._begun[key]
        self._full = None
        failpoints.hit(f"{name}.after_commit")
        return result

    def obstacle(self) -> Obstacle | None:
        """Why the last write found no room, or the oldest of those under way takes so long."""
        if self._full or not self._begun:
            return self._full
        waited_s = time.monotonic() - next(iter(self._begun.values()))
        if waited_s < PATIENCE_S:
            return None
        return Obstacle(
            WaitReason.DATABASE_BUSY,
            f"the database has taken no write for {waited_s:.0f} s: another program may hold its lock, or its disk is slow; "
            "what waits is written as soon as it can",
        )

    async def close(self) -> None:
        """Finish what waits, and close every connection."""
        await asyncio.to_thread(self._close)

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        with engines.translated(), self._engines.reading.connect() as connection, connection.begin():
            return work(connection)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self._engines.dispose()

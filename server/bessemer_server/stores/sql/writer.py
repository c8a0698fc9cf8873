"""Threads that write: requests that arrive together share a transaction, and none is answered before its commit.

A disk takes about as long to make one commit durable as a hundred, so what is waiting when a transaction begins goes
into it together. Each request has a savepoint of its own: one that fails leaves the others untouched.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.stores.sql import engines, fullness

T = TypeVar("T")
CAPACITY = 1024
"""Writes that may wait; more are refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[sa.Connection], Any]
    done: futures.Future[Any]


class Writer:
    """Runs functions over a connection, grouped into transactions, on threads of its own."""

    def __init__(self, engine: sa.Engine, *, threads: int, group: int, capacity: int = CAPACITY) -> None:
        self._engine = engine
        self._group = group
        self._capacity = capacity
        self._waiting: collections.deque[_Write] = collections.deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"bessemer-writer-{n}") for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def submit(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, once it is committed; raises what it raised, and then it changed nothing.

        Raises `Unavailable` when the queue is full, the writer closed, or the commit failed; `DiskFull`. A caller that is
        cancelled no longer hears of its write, which is done nevertheless.
        """
        write = _Write(work, futures.Future())
        # Marked as running so that a cancelled caller cannot take it back.
        write.done.set_running_or_notify_cancel()
        with self._changed:
            if self._is_closed:
                raise errors.Unavailable("the database is closed; the server is stopping")
            if len(self._waiting) >= self._capacity:
                raise errors.Unavailable(
                    f"{self._capacity} writes wait for the database already; try again",
                    reason="DATABASE_BUSY",
                )
            self._waiting.append(write)
            self._changed.notify()
        result: T = await asyncio.wrap_future(write.done)
        return result

    def close(self) -> None:
        """Refuse new writes, finish those that wait, and end the threads. Blocks until then."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while group := self._take():
            _commit(self._engine, group)

    def _take(self) -> list[_Write]:
        """The next group; empty when the writer is closed and nothing waits any more."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(self._group, len(self._waiting)))]


def _commit(engine: sa.Engine, group: list[_Write]) -> None:
    """Run a group in one transaction, and only then tell its callers."""
    try:
        answers = _transact(engine, [write.work for write in group])
    except Exception as error:
        # Whether a failed commit took place cannot be known from here: the caller may ask again, we must not.
        for write in group:
            write.done.set_exception(_lost(error))
        return
    for write, answer in zip(group, answers, strict=True):
        answer(write.done)


def _transact(
    engine: sa.Engine, works: list[Callable[[sa.Connection], Any]]
) -> list[Callable[[futures.Future[Any]], None]]:
    with engine.connect() as connection:
        try:
            with connection.begin():
                return [_run_alone(connection, work) for work in works]
        except Exception:
            # What a connection holds after that is unknown: the pool makes a new one.
            connection.invalidate()
            raise


def _run_alone(
    connection: sa.Connection, work: Callable[[sa.Connection], Any]
) -> Callable[[futures.Future[Any]], None]:
    """Run one request in a savepoint; returns how to answer it. Raises only when the whole transaction is broken."""
    savepoint = connection.begin_nested()
    try:
        with engines.translated():
            result = work(connection)
    except Exception as error:
        failure = error
        # Fails where the database has thrown the whole transaction away, as SQLite does when the disk is full.
        savepoint.rollback()
        if connection.invalidated:
            raise
        return lambda done: done.set_exception(failure)
    savepoint.commit()
    return lambda done: done.set_result(result)


def _lost(error: Exception) -> errors.Unavailable:
    return fullness.describe(error) or errors.Unavailable(
        f"the database did not confirm the write: {error}. Read what is there, or send the same request again",
        reason="COMMIT_FAILED",
    )

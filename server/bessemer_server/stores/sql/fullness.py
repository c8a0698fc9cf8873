"""Whether it was for want of room that a database did not write."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from bessemer_server.domain import errors

# SQLite tells ENOSPC alone apart: a quota or a limit on the size of files is a write that failed.
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_POSTGRESQL = "53100"


def is_full(error: BaseException | None) -> bool:
    """Whether the error, or one that led to it, says that the disk is full."""
    while error is not None:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
        if (
            getattr(cause, "sqlite_errorcode", None) in _SQLITE
            or getattr(cause, "sqlstate", "") == _POSTGRESQL
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe() -> errors.DiskFull:
    """What is said of it. Such a transaction is undone as a whole."""
    return errors.DiskFull(
        "the disk that holds the service's database is full, or over its quota; nothing was written. Free some of it and "
        "send the same request again; jobs that were accepted wait, and go on by themselves"
    )

"""Whether it was for want of room that a database did not write."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from bessemer_server.domain import errors

_SQLITE = sqlite3.SQLITE_FULL
_POSTGRESQL = "53100"
# SQLite tells ENOSPC alone apart: a quota, a limit on the size of files and a disk that is dying are all a write that failed.
_FAILED = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})

_WHAT_HOLDS = "nothing was written. Send the same request again once there is room; jobs that were accepted wait, and go on by themselves"


def describe(error: BaseException | None) -> errors.DiskFull | None:
    """What to say when the error, or one that led to it, is that a write found no room: such a transaction is undone as a
    whole. None for any other error.
    """
    while error is not None:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
        code = getattr(cause, "sqlite_errorcode", None)
        if code == _SQLITE or getattr(cause, "sqlstate", "") == _POSTGRESQL:
            return errors.DiskFull(f"the disk that holds the service's database is full; {_WHAT_HOLDS}")
        if code in _FAILED:
            return errors.DiskFull(
                "the disk that holds the service's database is full, over its quota, or failing, which the system's log tells; "
                + _WHAT_HOLDS
            )
        error = error.__cause__ or error.__context__
    return None

"""What trainers printed, over a connection."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from bessemer_server.domain import logs
from bessemer_server.domain.jobs import Time
from bessemer_server.domain.logs import LogLine, PrintedLine
from bessemer_server.stores.sql import jobs, tables

lines = tables.log_lines


def append(
    connection: sa.Connection, job_id: str, attempt: int, new: Sequence[PrintedLine], now: Time
) -> None:
    """Insert the lines that are not there, and remove those that are too old."""
    jobs.lock(connection, job_id)
    known = position(connection, job_id, attempt)
    fresh = [line for line in new if line.position > known]
    if not fresh:
        return
    last = connection.scalar(sa.select(sa.func.max(lines.c.cursor)).where(lines.c.job_id == job_id)) or 0
    values = [
        {
            "job_id": job_id,
            "cursor": cursor,
            "attempt": attempt,
            "position": line.position,
            "time": now,
            "text": line.text,
        }
        for cursor, line in enumerate(fresh, start=last + 1)
    ]
    connection.execute(sa.insert(lines), values)
    _trim(connection, job_id, attempt, last + len(fresh), fresh[-1].position)


def _trim(connection: sa.Connection, job_id: str, attempt: int, last: int, end: int) -> None:
    is_old = sa.or_(lines.c.cursor <= last - logs.KEPT_LINES, lines.c.position <= end - logs.KEPT_BYTES)
    connection.execute(sa.delete(lines).where(*_of(job_id, attempt), is_old, lines.c.cursor < last))


def position(connection: sa.Connection, job_id: str, attempt: int) -> int:
    """End of the attempt's last line."""
    query = sa.select(lines.c.position).where(*_of(job_id, attempt)).order_by(lines.c.cursor.desc()).limit(1)
    return connection.scalar(query) or 0


def read(connection: sa.Connection, job_id: str, attempt: int, after: int, limit: int) -> list[LogLine]:
    """Lines above `after`, of one attempt or of all."""
    jobs.load(connection, job_id)
    query = sa.select(lines).where(*_of(job_id, attempt), lines.c.cursor > after)
    return _fetch(connection, query.order_by(lines.c.cursor).limit(limit))


def read_last(connection: sa.Connection, job_id: str, attempt: int, limit: int) -> list[LogLine]:
    """The newest lines, oldest first."""
    query = sa.select(lines).where(*_of(job_id, attempt)).order_by(lines.c.cursor.desc())
    return _fetch(connection, query.limit(limit))[::-1]


def _of(job_id: str, attempt: int) -> list[sa.ColumnElement[bool]]:
    mine = [lines.c.job_id == job_id]
    return [*mine, lines.c.attempt == attempt] if attempt else mine


def _fetch(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[LogLine]:
    return [LogLine(row.cursor, row.attempt, row.time, row.text) for row in connection.execute(query)]

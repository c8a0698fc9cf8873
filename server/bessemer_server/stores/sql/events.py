"""Events over a connection."""

from __future__ import annotations

import sqlalchemy as sa

from bessemer_server.domain.events import Event
from bessemer_server.stores import rules
from bessemer_server.stores.sql import jobs, rows, tables

events = tables.events


def read(connection: sa.Connection, job_id: str, after: int, limit: int) -> list[Event]:
    """Events with a cursor above `after`, in order."""
    rules.check_cursor(jobs.load(connection, job_id), after)
    query = sa.select(events).where(events.c.job_id == job_id, events.c.cursor > after)
    return [rows.read_event(row) for row in connection.execute(query.order_by(events.c.cursor).limit(limit))]


def transitions(connection: sa.Connection, job_id: str) -> list[Event]:
    """The `StateChanged` events, in order."""
    jobs.load(connection, job_id)
    query = sa.select(events).where(events.c.job_id == job_id, events.c.kind == "state_changed")
    return [rows.read_event(row) for row in connection.execute(query.order_by(events.c.cursor))]

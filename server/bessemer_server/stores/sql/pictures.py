"""Pictures of generators over a connection."""

from __future__ import annotations

import sqlalchemy as sa

from bessemer_server.domain.jobs import Time
from bessemer_server.domain.pictures import Pictures
from bessemer_server.stores import rules
from bessemer_server.stores.sql import attempts, jobs, tables, upserts

pictures = tables.pictures


def record(connection: sa.Connection, job_id: str, attempt: int, drawn: Pictures, now: Time) -> None:
    """Keep what was drawn; what an attempt before drew in that epoch is the same."""
    attempts.lock_current(connection, job_id, attempt)
    values = {"shape": list(drawn.shape), "data": drawn.data}
    statement = upserts.insert(connection, pictures).values(job_id=job_id, epoch=drawn.epoch, **values)
    connection.execute(statement.on_conflict_do_nothing())
    attempts.renew(connection, job_id, attempt, now)


def epochs(connection: sa.Connection, job_id: str) -> list[int]:
    """Epochs that have some, in order."""
    jobs.load(connection, job_id)
    mine = pictures.c.job_id == job_id
    return list(connection.scalars(sa.select(pictures.c.epoch).where(mine).order_by(pictures.c.epoch)))


def get(connection: sa.Connection, job_id: str, epoch: int) -> Pictures:
    """Those of one epoch."""
    known = epochs(connection, job_id)
    if epoch not in known:
        raise rules.no_pictures(job_id, epoch, known)
    row = connection.execute(
        sa.select(pictures).where(pictures.c.job_id == job_id, pictures.c.epoch == epoch)
    ).one()
    return Pictures(epoch, tuple(row.shape), row.data)

"""Metric points over a connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from bessemer_server.domain.jobs import Page
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.stores import paging, rules
from bessemer_server.stores.sql import jobs, rows, tables, upserts

metrics = tables.metrics
KEY = (metrics.c.scope, metrics.c.name, metrics.c.step)


def known(connection: sa.Connection, job_id: str, points: Sequence[Metric]) -> set[rules.MetricKey]:
    """Which of these points were recorded before."""
    if not points:
        return set()
    steps = sorted({point.step for point in points})
    scopes = sorted({point.scope for point in points})
    mine = sa.and_(metrics.c.job_id == job_id, metrics.c.scope.in_(scopes), metrics.c.step.in_(steps))
    found = connection.execute(sa.select(*KEY).where(mine))
    return {(Scope(scope), name, step) for scope, name, step in found}


def record(connection: sa.Connection, job_id: str, points: Sequence[Metric]) -> None:
    """Insert points, or overwrite those that are there. Each point comes once."""
    if not points:
        return
    statement = upserts.insert(connection, metrics)
    statement = statement.on_conflict_do_update(
        index_elements=[metrics.c.job_id, *KEY],
        set_={"epoch": statement.excluded.epoch, "value": statement.excluded.value},
    )
    values = [
        {
            "job_id": job_id,
            "scope": p.scope,
            "name": p.name,
            "step": p.step,
            "epoch": p.epoch,
            "value": p.value,
        }
        for p in points
    ]
    connection.execute(statement, values)


def list_page(
    connection: sa.Connection, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
) -> Page[Metric]:
    """Ordered by (scope, name, step)."""
    paging.check_size(page_size)
    jobs.load(connection, job_id)
    wanted = sorted(set(scopes))
    listing = paging.metrics_listing(job_id, wanted)
    after = paging.decode(listing, page_token)
    query = sa.select(metrics).where(metrics.c.job_id == job_id).order_by(*KEY).limit(page_size + 1)
    if wanted:
        query = query.where(metrics.c.scope.in_(wanted))
    if after is not None:
        query = query.where(sa.tuple_(*KEY) > sa.tuple_(*(sa.literal(value) for value in after)))
    points = [rows.read_metric(row) for row in connection.execute(query)]
    return paging.make_page(points, page_size, listing, paging.metric_position)

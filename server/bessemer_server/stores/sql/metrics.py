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


def values_at(connection: sa.Connection, job_id: str, name: str, steps: Sequence[int]) -> dict[int, float]:
    """The epoch metric of that name at those of the steps where it was recorded."""
    mine = sa.and_(
        metrics.c.job_id == job_id,
        metrics.c.scope == Scope.EPOCH,
        metrics.c.name == name,
        metrics.c.step.in_(steps),
    )
    found = connection.execute(sa.select(metrics.c.step, metrics.c.value).where(mine))
    return {row.step: row.value for row in found}


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
    points: list[Metric] = []
    # One query for each scope, each in the order of the key: together they would have to be sorted.
    for scope in wanted or sorted(Scope):
        if after is None or scope >= after[0]:
            start = None if after is None or scope > after[0] else after[1:]
            points += _read(connection, job_id, scope, start, limit=page_size + 1 - len(points))
    return paging.make_page(points, page_size, listing, paging.metric_position)


def _read(
    connection: sa.Connection, job_id: str, scope: Scope, after: paging.Position | None, *, limit: int
) -> list[Metric]:
    """Points of one scope after a (name, step)."""
    mine = sa.and_(metrics.c.job_id == job_id, metrics.c.scope == scope)
    query = sa.select(metrics).where(mine).order_by(metrics.c.name, metrics.c.step).limit(limit)
    if after is not None:
        name, step = after
        query = query.where(
            sa.tuple_(metrics.c.name, metrics.c.step) > sa.tuple_(sa.literal(name), sa.literal(step))
        )
    return [rows.read_metric(row) for row in connection.execute(query)]

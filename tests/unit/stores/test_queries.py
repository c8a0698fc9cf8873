"""Listings go through an index, whatever the filter: their cost does not grow with the table."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from bessemer_server.domain.jobs import JobFilter
from bessemer_server.domain.metrics import Scope
from bessemer_server.domain.states import State
from bessemer_server.stores.sql import jobs, metrics
from bessemer_server.stores.sql.store import SqlStore
from tests.conformance import samples


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[SqlStore]:
    opened = await SqlStore.open(sqlite_url)
    yield opened
    await opened.close()


def explain(connection: sa.Connection, statements: list[tuple[str, object]]) -> list[str]:
    return [
        row.detail
        for statement, parameters in statements
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
    ]


async def plans(store: SqlStore, work: object) -> list[str]:
    """What SQLite says of each statement of a read."""

    def read(connection: sa.Connection) -> list[str]:
        seen: list[tuple[str, object]] = []
        note = lambda _c, _cursor, statement, parameters, *_: seen.append((statement, parameters))  # noqa: E731
        sa.event.listen(connection, "before_cursor_execute", note)
        work(connection)  # type: ignore[operator]
        sa.event.remove(connection, "before_cursor_execute", note)
        return explain(connection, seen)

    return await store.database.read(read)


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        (JobFilter(), "ix_jobs_create_time_id"),
        (JobFilter(name="a"), "ix_jobs_name_create_time_id"),
        (JobFilter(architecture="mlp"), "ix_jobs_architecture_create_time_id"),
        (JobFilter(states=frozenset({State.RUNNING})), "ix_jobs_state_create_time_id"),
        (JobFilter(states=frozenset({State.RUNNING, State.FAILED})), "ix_jobs_state_create_time_id"),
    ],
)
async def test_a_page_of_jobs_comes_out_of_an_index_in_order(
    store: SqlStore, filter: JobFilter, index: str
) -> None:
    for n in range(3):
        await samples.create(store, f"job-{n}", name="a", age=n)
    details = await plans(store, lambda connection: jobs.list_page(connection, filter, 2, ""))
    assert details
    assert all(index in detail for detail in details)
    token = (await store.list_jobs(filter, 2, "")).next_token
    details = await plans(store, lambda connection: jobs.list_page(connection, filter, 2, token))
    assert all(index in detail for detail in details)


async def test_the_queue_comes_out_of_an_index_in_order(store: SqlStore) -> None:
    (detail,) = await plans(store, lambda connection: jobs.queued(connection, 10, samples.START))
    assert "ix_jobs_state_rank_create_time_id" in detail


async def test_places_in_the_queue_are_counted_in_the_index_alone(store: SqlStore) -> None:
    for wanted in (["a"], [f"job-{n}" for n in range(jobs.COUNTED_ALONE + 1)]):
        await samples.create(store, wanted[0])
        details = await plans(store, lambda c, ids=wanted: jobs.positions(c, ids, samples.START))
        queue = [detail for detail in details if "ix_jobs_state_rank" in detail]
        assert queue
        assert all("USING COVERING INDEX" in detail for detail in queue)


async def test_a_page_of_metrics_comes_out_of_the_key_in_order(store: SqlStore) -> None:
    await samples.begin(store)
    points = [samples.step_metric(n) for n in range(1, 9)]
    await store.report("job-1", 1, points, None, samples.START)
    token = (await store.list_metrics("job-1", [Scope.STEP], 2, "")).next_token
    details = await plans(store, lambda c: metrics.list_page(c, "job-1", [Scope.STEP], 2, token))
    assert details[1:] == ["SEARCH metrics USING PRIMARY KEY (job_id=? AND scope=? AND (name,step)>(?,?))"]


async def test_jobs_that_need_a_model_come_out_of_an_index_by_state(store: SqlStore) -> None:
    details = await plans(store, lambda connection: jobs.that_need(connection, "base"))
    assert any("SEARCH jobs USING INDEX ix_jobs_state_" in detail for detail in details), details

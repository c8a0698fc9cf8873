"""Jobs over a connection: create, look up, list, and write down what a rule has decided."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from bessemer_server.domain import bases
from bessemer_server.domain.events import Event
from bessemer_server.domain.jobs import BACK_OFF_MAX_S, Job, JobFilter, NewJob, Page, Time
from bessemer_server.domain.states import State
from bessemer_server.stores import model_rules, paging, rules
from bessemer_server.stores.sql import datasets, models, rows, tables, upserts

jobs = tables.jobs
QUEUE = (jobs.c.rank, jobs.c.create_time, jobs.c.id)
"""As `rules.queue_place`."""
UNFINISHED = [state.value for state in State if not state.is_terminal]
COUNTED_ALONE = 3
"""So few places are counted one by one; for more, the whole queue is numbered."""


def create(connection: sa.Connection, new: NewJob, now: Time) -> Job:
    """Insert a QUEUED job, or return the one that has its request_id already."""
    change = rules.create(new, now)
    statement = upserts.insert(connection, jobs).on_conflict_do_nothing(index_elements=[jobs.c.request_id])
    values = {
        "id": new.id,
        "name": new.name,
        "architecture": rules.architecture(new.effective_spec),
        "spec": dict(new.spec),
        "effective_spec": dict(new.effective_spec),
        "request_id": new.request_id or None,
        "fingerprint": new.fingerprint,
        "dataset_digest": new.dataset_digest or None,
        "validation_digest": new.validation_digest or None,
        "rank": -new.priority,
        "max_runtime_s": new.max_runtime_s,
        "asked_model": str(new.asked_model) if new.asked_model else None,
        "create_time": now,
        **rows.job_values(change.job),
    }
    if connection.execute(statement.returning(jobs.c.id), values).one_or_none() is None:
        first = find_submitted(connection, new.request_id, new.fingerprint)
        assert first is not None, "a row of this request_id was in the way of another one"
        return first
    _lock_needed(connection, new)
    _append(connection, new.id, change.events)
    return change.job


def find_submitted(connection: sa.Connection, request_id: str, fingerprint: str) -> Job | None:
    """The job that a request has made before."""
    row = connection.execute(sa.select(jobs).where(jobs.c.request_id == request_id)).one_or_none()
    if row is None:
        return None
    rules.check_fingerprint(request_id, row.fingerprint, fingerprint)
    return _check_there(row)


def load(connection: sa.Connection, job_id: str) -> Job:
    """The job as it is; raises `NotFound`."""
    return _read(connection, job_id, sa.select(jobs).where(jobs.c.id == job_id))


def lock(connection: sa.Connection, job_id: str) -> Job:
    """The job as it is and stays until the transaction ends. Every write on a job begins with this."""
    # SQLite has no row locks and needs none: it has one writer.
    return _read(connection, job_id, sa.select(jobs).where(jobs.c.id == job_id).with_for_update())


def save(connection: sa.Connection, change: rules.Change) -> Job:
    """Write down what a rule made of a locked job."""
    job = change.job
    connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(rows.job_values(job)))
    _append(connection, job.id, change.events)
    return job


def change(
    connection: sa.Connection, job_id: str, rule: Callable[[Job, Time], rules.Change], now: Time
) -> Job:
    """What a person asks of a job, by the rule that says what comes of it."""
    return save(connection, rule(lock(connection, job_id), now))


def retry(connection: sa.Connection, job_id: str, now: Time) -> Job:
    """Queue a job again that FAILED or was CANCELLED."""
    job = lock(connection, job_id)
    change = rules.retry(job, now)
    if change.events:
        _lock_needed(connection, job)
    return save(connection, change)


def _lock_needed(connection: sa.Connection, job: NewJob | Job) -> None:
    """Keep what a job needs that is queued from being deleted until the transaction ends. Raises `FailedPrecondition`."""
    datasets.lock_pinned(connection, job)
    # By name, as all do, so that no two wait for each other.
    for needed in model_rules.needed_models(job):
        model_rules.check_there(needed, models.hold(connection, needed.name))


def delete(connection: sa.Connection, job_id: str, now: Time) -> None:
    """Remove all that belongs to a job that has ended. What stays of its row keeps its id and its request_id taken."""
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
    if row is not None and row.delete_time is not None:
        return
    if row is None:
        raise rules.unknown_job(job_id)
    rules.check_deletable(rows.read_job(row))
    for table in reversed(tables.metadata.sorted_tables):
        if table is not tables.models and any(key.column is jobs.c.id for key in table.foreign_keys):
            connection.execute(sa.delete(table).where(table.c.job_id == job_id))
    nothing: dict[str, Any] = {
        "name": "",
        "architecture": "",
        "state_message": "",
        "failure": None,
        "model": None,
        "spec": {},
        "effective_spec": {},
        "metrics": {},
        "progress": {},
    }
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**nothing, delete_time=now))


def list_page(connection: sa.Connection, filter: JobFilter, page_size: int, page_token: str) -> Page[Job]:
    """Newest first."""
    paging.check_size(page_size)
    listing = paging.jobs_listing(filter)
    after = paging.decode(listing, page_token)
    query = sa.select(jobs).order_by(jobs.c.create_time.desc(), jobs.c.id.desc()).limit(page_size + 1)
    query = query.where(jobs.c.delete_time.is_(None))
    if filter.architecture:
        query = query.where(jobs.c.architecture == filter.architecture)
    if filter.name:
        query = query.where(jobs.c.name == filter.name)
    if after is not None:
        time, job_id = paging.parse_job_position(after)
        bound = sa.tuple_(sa.literal(time, jobs.c.create_time.type), sa.literal(job_id))
        query = query.where(sa.tuple_(jobs.c.create_time, jobs.c.id) < bound)
    # One query for each state, each in the order of an index: together they would have to be sorted.
    queries = [query.where(jobs.c.state == state.value) for state in filter.states] or [query]
    found = [rows.read_job(row) for each in queries for row in connection.execute(each)]
    found.sort(key=lambda job: (job.create_time, job.id), reverse=True)
    return paging.make_page(found[: page_size + 1], page_size, listing, paging.job_position)


def that_need(connection: sa.Connection, model: str) -> list[Job]:
    """Jobs that have not ended and predict or begin with a version of this model, oldest first; and perhaps some that only name
    it elsewhere: `model_rules.needed_models` says which it is.
    """
    asks = jobs.c.asked_model.startswith(f"{model}@", autoescape=True)
    # As text: who begins with a model is not worth a column, since models are seldom deleted.
    spec = sa.type_coerce(jobs.c.effective_spec, sa.Text)
    begins = spec.contains(f"{bases.PREFIX}{model}@", autoescape=True)
    # Only what has not ended is read, and that by an index: it is little beside all jobs that ever were.
    query = sa.select(jobs).where(jobs.c.state.in_(UNFINISHED), asks | begins)
    return [rows.read_job(row) for row in connection.execute(query.order_by(jobs.c.create_time, jobs.c.id))]


def queued(connection: sa.Connection, limit: int, now: Time) -> list[Job]:
    """QUEUED jobs that are ready, in the order in which they start."""
    query = sa.select(jobs).where(*_ready(now)).order_by(*QUEUE)
    return [rows.read_job(row) for row in connection.execute(query.limit(limit))]


def positions(connection: sa.Connection, job_ids: Iterable[str], now: Time) -> dict[str, int]:
    """Place in that order, from 1, of those of the jobs that are in it."""
    wanted = sorted(job_ids)
    if len(wanted) <= COUNTED_ALONE:
        found = {job_id: _count_to(connection, job_id, now) for job_id in wanted}
        return {job_id: place for job_id, place in found.items() if place}
    place = sa.func.row_number().over(order_by=QUEUE).label("place")
    queue = sa.select(jobs.c.id, place).where(*_ready(now)).subquery()
    rows_found = connection.execute(sa.select(queue).where(queue.c.id.in_(wanted)))
    return {row.id: row.place for row in rows_found}


def _count_to(connection: sa.Connection, job_id: str, now: Time) -> int:
    """Jobs of the queue up to this one, and with it; 0 when it is not in the queue."""
    mine = connection.execute(sa.select(*QUEUE).where(jobs.c.id == job_id, *_ready(now))).one_or_none()
    if mine is None:
        return 0
    bound = sa.tuple_(*(sa.literal(value, column.type) for column, value in zip(QUEUE, mine, strict=True)))
    count = sa.select(sa.func.count()).where(*_ready(now), sa.tuple_(*QUEUE) <= bound)
    return connection.execute(count).scalar_one()


def last_cursors(connection: sa.Connection, job_ids: Iterable[str]) -> dict[str, int]:
    """Numbers of the last events, in one query."""
    query = sa.select(jobs.c.id, jobs.c.last_cursor).where(jobs.c.id.in_(sorted(job_ids)))
    return {row.id: row.last_cursor for row in connection.execute(query.where(jobs.c.delete_time.is_(None)))}


def _ready(now: Time) -> tuple[sa.ColumnElement[bool], ...]:
    """What `Job.is_ready` says, of QUEUED jobs."""
    latest = now + datetime.timedelta(seconds=BACK_OFF_MAX_S)
    time = jobs.c.next_attempt_time
    return jobs.c.state == State.QUEUED.value, sa.or_(time.is_(None), time <= now, time > latest)


def _append(connection: sa.Connection, job_id: str, new: Sequence[Event]) -> None:
    if new:
        connection.execute(sa.insert(tables.events), [rows.event_values(job_id, event) for event in new])


def _read(connection: sa.Connection, job_id: str, query: sa.Select[tuple[object, ...]]) -> Job:
    row = connection.execute(query).one_or_none()
    if row is None:
        raise rules.unknown_job(job_id)
    return _check_there(row)


def _check_there(row: rows.Row) -> Job:
    if row.delete_time is not None:
        raise rules.deleted_job(row.id, row.delete_time)
    return rows.read_job(row)

"""Attempts over a connection: start, find, report, and every way in which one ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bessemer_server.domain.jobs import Attempt, Command, Failure, Job, Progress, Time
from bessemer_server.domain.metrics import Metric
from bessemer_server.domain.models import Model, Publication
from bessemer_server.domain.states import ACTIVE, State
from bessemer_server.stores import rules
from bessemer_server.stores.sql import jobs, metrics, models, rows, tables

attempts = tables.attempts


def active(connection: sa.Connection) -> list[Attempt]:
    """Current attempts of jobs in an active state."""
    table = tables.jobs
    current = sa.and_(attempts.c.job_id == table.c.id, attempts.c.number == table.c.attempt)
    query = sa.select(attempts).join(table, current).where(table.c.state.in_(sorted(ACTIVE)))
    return [rows.read_attempt(row) for row in connection.execute(query)]


def start(connection: sa.Connection, job_id: str, slot: str, token_digest: str, now: Time) -> Attempt | None:
    """QUEUED → STARTING; None when the job is no longer QUEUED."""
    change = rules.start(jobs.lock(connection, job_id), now)
    if change is None:
        return None
    attempt = Attempt(job_id, jobs.save(connection, change).attempt, slot, 0, now)
    values = {
        "number": attempt.number,
        "slot": slot,
        "pid": 0,
        "token_digest": token_digest,
        "lease_time": now,
    }
    connection.execute(sa.insert(attempts).values(job_id=job_id, **values))
    return attempt


def set_pid(connection: sa.Connection, job_id: str, attempt: int, pid: int) -> None:
    """Note the process id of a trainer."""
    lock_current(connection, job_id, attempt)
    _update(connection, job_id, attempt, pid=pid)


def authenticate(connection: sa.Connection, token_digest: str) -> Attempt:
    """The attempt that a token was made for."""
    row = connection.execute(sa.select(attempts).where(attempts.c.token_digest == token_digest)).one_or_none()
    if row is None:
        raise rules.unknown_token()
    return rows.read_attempt(row)


def report(
    connection: sa.Connection,
    job_id: str,
    attempt: int,
    new: Sequence[Metric],
    progress: Progress | None,
    *,
    now: Time,
    run_s: float,
) -> Command:
    """Renew the lease, record metrics, progress and time spent."""
    job = lock_current(connection, job_id, attempt)
    points = rules.distinct(new)
    known = metrics.known(connection, job_id, rules.lasting_metrics(points))
    change = rules.report(job, points, known, progress, now, run_s=run_s)
    if change.job != job:
        jobs.save(connection, change)
    metrics.record(connection, job_id, points)
    renew(connection, job_id, attempt, now)
    return rules.command(change.job)


def succeed(
    connection: sa.Connection, job_id: str, attempt: int, publication: Publication, now: Time
) -> Model:
    """→ SUCCEEDED, and publish."""
    job = jobs.lock(connection, job_id)
    if rules.is_repeat(job, attempt, State.SUCCEEDED):
        return models.of_job(connection, job)
    model = models.publish(connection, job, publication, now)
    jobs.save(connection, rules.succeed(job, model, now))
    return model


def fail(
    connection: sa.Connection, job_id: str, attempt: int, failure: Failure, *, now: Time, heard: Time | None
) -> None:
    """→ FAILED."""
    job = jobs.lock(connection, job_id)
    if not rules.is_repeat(job, attempt, State.FAILED):
        _check_silent(connection, job_id, attempt, heard)
        jobs.save(connection, rules.fail(job, failure, now))


def confirm_cancel(connection: sa.Connection, job_id: str, attempt: int, now: Time) -> None:
    """CANCELLING → CANCELLED."""
    job = jobs.lock(connection, job_id)
    if not rules.is_repeat(job, attempt, State.CANCELLED):
        jobs.save(connection, rules.confirm_cancel(job, now))


def release(
    connection: sa.Connection,
    job_id: str,
    attempt: int,
    failure: Failure,
    is_loss: bool,
    *,
    now: Time,
    delay_s: float,
    heard: Time | None,
) -> Job:
    """→ QUEUED, or → CANCELLED when that was asked for."""
    job = lock_current(connection, job_id, attempt)
    _check_silent(connection, job_id, attempt, heard)
    return jobs.save(connection, rules.release(job, failure, is_loss, now, delay_s))


def lock_current(connection: sa.Connection, job_id: str, attempt: int) -> Job:
    """The locked job; raises `StaleAttempt` unless this attempt may write."""
    job = jobs.lock(connection, job_id)
    rules.check_current(job, attempt)
    return job


def pin_threads(connection: sa.Connection, job_id: str, attempt: int, threads: int) -> int:
    """Those that the job's first attempt was given; these if this is it."""
    lock_current(connection, job_id, attempt)
    column = tables.jobs.c.threads
    mine = tables.jobs.c.id == job_id
    known: int | None = connection.scalar(sa.select(column).where(mine))
    if known is None:
        connection.execute(sa.update(tables.jobs).where(mine).values(threads=threads))
    return known or threads


def renew(connection: sa.Connection, job_id: str, attempt: int, now: Time) -> None:
    """Note that the attempt was heard of."""
    _update(connection, job_id, attempt, lease_time=now)


def _check_silent(connection: sa.Connection, job_id: str, attempt: int, heard: Time | None) -> None:
    if heard is not None:
        mine = sa.and_(attempts.c.job_id == job_id, attempts.c.number == attempt)
        row = connection.execute(sa.select(attempts).where(mine)).one()
        rules.check_silent(rows.read_attempt(row), heard)


def _update(connection: sa.Connection, job_id: str, attempt: int, **values: Any) -> None:
    mine = sa.and_(attempts.c.job_id == job_id, attempts.c.number == attempt)
    connection.execute(sa.update(attempts).where(mine).values(values))

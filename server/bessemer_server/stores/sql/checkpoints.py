"""Checkpoints over a connection."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.jobs import Job, Time
from bessemer_server.domain.states import State
from bessemer_server.stores import rules
from bessemer_server.stores.sql import attempts, blobs, collecting, jobs, metrics, rows, tables

checkpoints = tables.checkpoints


def commit(
    connection: sa.Connection, job_id: str, attempt: int, manifest: Manifest, keep: Retention, *, now: Time
) -> Checkpoint:
    """Make a checkpoint visible, and remove old ones."""
    job = attempts.lock_current(connection, job_id, attempt)
    rules.check_blobs(blobs.missing(connection, manifest.digests(), lock=True))
    saved = _find_sound(connection, job_id, manifest.step)
    if saved is None:
        _remove(connection, job_id, [manifest.step])  # a damaged one
        saved = _insert(connection, job, attempt, manifest, now)
    _prune(connection, job, keep)
    collecting.release(connection, job_id, attempt, set(manifest.digests()))
    attempts.renew(connection, job_id, attempt, now)
    return saved


def complete(connection: sa.Connection, job_id: str, attempt: int, result: Manifest, now: Time) -> None:
    """→ SUCCEEDED, with this checkpoint and no other."""
    if not rules.is_repeat(jobs.lock(connection, job_id), attempt, State.SUCCEEDED):
        commit(connection, job_id, attempt, result, rules.RESULT, now=now)
        jobs.save(connection, rules.complete(jobs.load(connection, job_id), now))


def latest(connection: sa.Connection, job_id: str) -> Checkpoint | None:
    """The newest checkpoint that is not known to be damaged, with its whole manifest."""
    jobs.load(connection, job_id)
    query = (
        sa.select(checkpoints)
        .where(checkpoints.c.job_id == job_id, ~_is_damaged())
        .order_by(checkpoints.c.step.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else rows.read_checkpoint(row)


def list_all(connection: sa.Connection, job_id: str) -> list[Checkpoint]:
    """Oldest first."""
    jobs.load(connection, job_id)
    columns = (checkpoints, _is_damaged().label("damaged"))
    query = sa.select(*columns).where(checkpoints.c.job_id == job_id).order_by(checkpoints.c.step)
    return [
        dataclasses.replace(rows.read_checkpoint(row), damaged=bool(row.damaged))
        for row in connection.execute(query)
    ]


def _is_damaged() -> sa.ColumnElement[bool]:
    held, marks = tables.checkpoint_blobs, tables.damaged_blobs
    return (
        sa.select(sa.literal(1))
        .select_from(marks)
        .join(held, held.c.digest == marks.c.digest)
        .where(held.c.job_id == checkpoints.c.job_id, held.c.step == checkpoints.c.step)
        .exists()
    )


def _find_sound(connection: sa.Connection, job_id: str, step: int) -> Checkpoint | None:
    mine = sa.and_(checkpoints.c.job_id == job_id, checkpoints.c.step == step)
    row = connection.execute(sa.select(checkpoints).where(mine, ~_is_damaged())).one_or_none()
    return None if row is None else rows.read_checkpoint(row)


def _insert(connection: sa.Connection, job: Job, attempt: int, manifest: Manifest, now: Time) -> Checkpoint:
    saved = rules.checkpoint(job, attempt, manifest, now)
    values = {
        "id": saved.id,
        "attempt": attempt,
        "create_time": now,
        "manifest": rows.manifest_values(manifest),
    }
    connection.execute(sa.insert(checkpoints).values(job_id=job.id, step=manifest.step, **values))
    held = [{"job_id": job.id, "step": manifest.step, "digest": digest} for digest in set(manifest.digests())]
    if held:
        connection.execute(sa.insert(tables.checkpoint_blobs), held)
    jobs.save(connection, rules.save_checkpoint(job, saved, now))
    return saved


def _prune(connection: sa.Connection, job: Job, keep: Retention) -> None:
    mine = sa.select(checkpoints.c.step).where(checkpoints.c.job_id == job.id)
    steps = list(connection.scalars(mine.where(~_is_damaged())))
    values = metrics.values_at(connection, job.id, keep.best, steps) if keep.best else {}
    old = keep.outdated(steps, job.progress.epoch_steps, values)
    # Damaged ones have been told; that something newer is there makes up for them.
    old += connection.scalars(mine.where(_is_damaged(), checkpoints.c.step < max(steps)))
    if old:
        _remove(connection, job.id, old)


def _remove(connection: sa.Connection, job_id: str, steps: Sequence[int]) -> None:
    which = sa.and_(checkpoints.c.job_id == job_id, checkpoints.c.step.in_(steps))
    connection.execute(sa.delete(checkpoints).where(which))

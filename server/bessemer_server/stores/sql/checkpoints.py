"""Checkpoints over a connection."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bessemer_server.domain import errors
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
    """The newest checkpoint that is not known to be damaged. Raises `DamagedBlob` when its manifest is."""
    jobs.load(connection, job_id)
    newest = _select(job_id).where(~_is_damaged()).order_by(checkpoints.c.step.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is None:
        return None
    found = rows.read_checkpoint(row)
    if found.damaged:
        raise errors.DamagedBlob.of(row.manifest)
    return found


def list_all(connection: sa.Connection, job_id: str) -> list[Checkpoint]:
    """Oldest first."""
    jobs.load(connection, job_id)
    query = _select(job_id).order_by(checkpoints.c.step)
    return [rows.read_checkpoint(row) for row in connection.execute(query)]


def unmarked(connection: sa.Connection, job_id: str) -> list[int]:
    """Steps of the checkpoints that are not known to be damaged."""
    query = sa.select(checkpoints.c.step).where(checkpoints.c.job_id == job_id, ~_is_damaged())
    return list(connection.scalars(query))


def _select(job_id: str) -> sa.Select[Any]:
    """All that `rows.read_checkpoint` wants."""
    blobs = tables.blobs
    return (
        sa.select(checkpoints, blobs.c.data, _is_damaged().label("damaged"))
        .outerjoin(blobs, blobs.c.digest == checkpoints.c.manifest)
        .where(checkpoints.c.job_id == job_id)
    )


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
    row = connection.execute(_select(job_id).where(checkpoints.c.step == step)).one_or_none()
    found = None if row is None else rows.read_checkpoint(row)
    return None if found is None or found.damaged else found


def _insert(connection: sa.Connection, job: Job, attempt: int, manifest: Manifest, now: Time) -> Checkpoint:
    saved = rules.checkpoint(job, attempt, manifest, now)
    data = manifest.encode()
    digest = hashlib.sha256(data).hexdigest()
    blobs.write(connection, {digest: data})
    key = {"job_id": job.id, "step": manifest.step}
    values = {"id": saved.id, "attempt": attempt, "create_time": now, "manifest": digest}
    connection.execute(sa.insert(checkpoints).values(**key, **values))
    held = [{**key, "digest": name} for name in {digest, *manifest.digests()}]
    connection.execute(sa.insert(tables.checkpoint_blobs), held)
    jobs.save(connection, rules.save_checkpoint(job, saved, now))
    return saved


def _prune(connection: sa.Connection, job: Job, keep: Retention) -> None:
    steps = unmarked(connection, job.id)
    values = metrics.values_at(connection, job.id, keep.best, steps) if keep.best else {}
    old = keep.outdated(steps, job.progress.epoch_steps, values)
    # Damaged ones have been told; that something newer is there makes up for them.
    mine = sa.select(checkpoints.c.step).where(checkpoints.c.job_id == job.id, _is_damaged())
    old += connection.scalars(mine.where(checkpoints.c.step < max(steps)))
    if old:
        _remove(connection, job.id, old)


def _remove(connection: sa.Connection, job_id: str, steps: Sequence[int]) -> None:
    which = sa.and_(checkpoints.c.job_id == job_id, checkpoints.c.step.in_(steps))
    connection.execute(sa.delete(checkpoints).where(which))

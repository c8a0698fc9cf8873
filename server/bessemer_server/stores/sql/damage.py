"""Damaged blobs over a connection: found by whoever reads them, told to the jobs whose checkpoints they belong to."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from bessemer_server.domain.jobs import Time
from bessemer_server.stores import rules
from bessemer_server.stores.sql import blobs, checkpoints, jobs, tables

marks = tables.damaged_blobs
held = tables.checkpoint_blobs


def mark(connection: sa.Connection, digest: str, now: Time) -> list[str]:
    """Note that a blob is damaged or gone, unless it is not; returns the jobs that were told."""
    data = blobs.get(connection, digest)
    if data is not None and hashlib.sha256(data).hexdigest() == digest:
        return []
    if connection.scalar(sa.select(marks.c.digest).where(marks.c.digest == digest)):
        return []
    holders = sorted(connection.scalars(sa.select(held.c.job_id).where(held.c.digest == digest).distinct()))
    before = {job_id: checkpoints.unmarked(connection, job_id) for job_id in holders}
    connection.execute(sa.insert(marks).values(digest=digest, find_time=now))
    return [job_id for job_id in holders if _tell(connection, job_id, before[job_id], digest, now)]


def _tell(connection: sa.Connection, job_id: str, before: list[int], digest: str, now: Time) -> bool:
    found = checkpoints.list_all(connection, job_id)
    newly = set(before).difference(checkpoints.unmarked(connection, job_id))
    lost = [c for c in found if c.manifest.step in newly]
    job = jobs.lock(connection, job_id)
    if job.state.is_terminal or not lost:
        return False
    sound = [c for c in found if not c.damaged]
    jobs.save(connection, rules.damage(job, lost, sound[-1] if sound else None, digest, now))
    return True

"""Manifests of checkpoints lie among the blobs, under the digests of their bytes."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    checkpoints = sa.table("checkpoints", *map(sa.column, ("job_id", "step", "manifest")))
    connection = op.get_bind()
    # One manifest at a time: all together may be larger than the memory.
    for job_id, step in connection.execute(sa.select(checkpoints.c.job_id, checkpoints.c.step)).all():
        this = sa.and_(checkpoints.c.job_id == job_id, checkpoints.c.step == step)
        data = connection.execute(sa.select(checkpoints.c.manifest).where(this)).scalar_one().encode()
        digest = hashlib.sha256(data).hexdigest()
        _keep(connection, {"job_id": job_id, "step": step}, digest, data)
        connection.execute(sa.update(checkpoints).where(this).values(manifest=digest))


def _keep(connection: sa.Connection, checkpoint: dict[str, object], digest: str, data: bytes) -> None:
    blobs = sa.table("blobs", *map(sa.column, ("digest", "data")))
    held = sa.table("checkpoint_blobs", *map(sa.column, ("job_id", "step", "digest")))
    if not connection.scalar(sa.select(blobs.c.digest).where(blobs.c.digest == digest)):
        connection.execute(sa.insert(blobs).values(digest=digest, data=data))
    connection.execute(sa.insert(held).values(**checkpoint, digest=digest))

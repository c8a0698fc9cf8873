"""Data sets to validate on: which uploaded one a job is pinned to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("validation_digest", WORD, nullable=True))
    op.create_index("ix_jobs_validation_digest", "jobs", ["validation_digest"])

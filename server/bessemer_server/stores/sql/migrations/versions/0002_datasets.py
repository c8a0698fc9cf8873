"""Data sets that users upload, and which of them a job is pinned to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("dataset_digest", WORD, nullable=True))
    op.create_index("ix_jobs_dataset_digest", "jobs", ["dataset_digest"])
    op.create_table(
        "datasets",
        sa.Column("name", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_datasets"),
        sa.UniqueConstraint("digest", name="uq_datasets_digest"),
    )
    op.create_table(
        "dataset_blobs",
        sa.Column("name", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.ForeignKeyConstraint(
            ["name"], ["datasets.name"], name="fk_dataset_blobs_name", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_dataset_blobs_digest"),
        sa.PrimaryKeyConstraint("name", "digest", name="pk_dataset_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dataset_blobs_digest", "dataset_blobs", ["digest"])

"""Who is about to refer to blobs, and which blobs were found damaged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blob_holds",
        sa.Column("holder", WORD, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("expire_time", TIME, nullable=True),
        sa.PrimaryKeyConstraint("holder", "attempt", "digest", name="pk_blob_holds"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blob_holds_digest", "blob_holds", ["digest"])
    op.create_table(
        "damaged_blobs",
        sa.Column("digest", WORD, nullable=False),
        sa.Column("find_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_damaged_blobs"),
        sqlite_with_rowid=False,
    )

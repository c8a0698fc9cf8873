"""Jobs can be deleted: their rows say when, and models know themselves what they were trained on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DIGESTS = """
UPDATE models SET dataset_digest =
    coalesce((SELECT jobs.dataset_digest FROM jobs WHERE jobs.id = models.job_id), '')
"""


def upgrade() -> None:
    op.add_column("jobs", sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("models", sa.Column("dataset_digest", WORD, nullable=False, server_default=""))
    op.execute(DIGESTS)

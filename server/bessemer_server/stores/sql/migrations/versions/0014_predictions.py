"""Jobs may predict: with which model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bessemer_server.stores.sql import columns

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("asked_model", columns.Word, nullable=True))
    op.create_index("ix_jobs_asked_model", "jobs", ["asked_model"])

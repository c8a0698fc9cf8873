"""The queue: jobs have a priority, and wait before another attempt after losses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("next_attempt_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_jobs_state_rank_create_time_id", "jobs", ["state", "rank", "create_time", "id"])

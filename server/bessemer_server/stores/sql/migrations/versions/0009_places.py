"""The index of the queue has all that places in it depend on."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
COLUMNS = ["state", "rank", "create_time", "id"]


def upgrade() -> None:
    op.create_index(
        "ix_jobs_state_rank_create_time_id_next_attempt_time", "jobs", [*COLUMNS, "next_attempt_time"]
    )
    op.drop_index("ix_jobs_state_rank_create_time_id", "jobs")

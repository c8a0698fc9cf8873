"""Jobs know how long they have run, and how long they may."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("max_runtime_s", sa.Double(), nullable=True))
    for name in ("run_s", "past_run_s"):
        op.add_column("jobs", sa.Column(name, sa.Double(), nullable=False, server_default="0"))

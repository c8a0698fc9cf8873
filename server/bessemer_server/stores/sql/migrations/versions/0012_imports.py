"""Models may come from files: no job has trained them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

BEFORE, AFTER = "job_id TEXT NOT NULL", "job_id TEXT"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _forget_constraint(op.get_bind())
    else:
        op.alter_column("models", "job_id", nullable=True)


def _forget_constraint(connection: sa.Connection) -> None:
    """Copying the table, as Alembic does, would delete what refers to its rows. Without NOT NULL the rows are what they were,
    so the text of the table is changed alone (https://www.sqlite.org/lang_altertable.html, section 7).
    """
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text(
            "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'models'"
        ),
        {"before": BEFORE, "after": AFTER},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")

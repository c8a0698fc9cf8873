"""Versions of models have aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bessemer_server.stores.sql import columns

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "model_aliases",
        sa.Column("model", columns.Word, nullable=False),
        sa.Column("name", columns.Word, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"], ["models.name", "models.version"], name="fk_model_aliases_model"
        ),
        sa.PrimaryKeyConstraint("model", "name", "version", name="pk_model_aliases"),
        sqlite_with_rowid=False,
    )

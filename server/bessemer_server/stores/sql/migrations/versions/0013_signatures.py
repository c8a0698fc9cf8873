"""Lists of models read a small part of each definition."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

PART = ("labels", "inputs", "outputs")


def upgrade() -> None:
    op.add_column("models", sa.Column("signature", sa.Text(), nullable=False, server_default="{}"))
    connection = op.get_bind()
    models = sa.table("models", *map(sa.column, ("name", "version", "definition", "signature")))
    # One definition at a time: all together may be larger than the memory.
    for name, version in connection.execute(sa.select(models.c.name, models.c.version)).all():
        this = sa.and_(models.c.name == name, models.c.version == version)
        definition = json.loads(connection.execute(sa.select(models.c.definition).where(this)).scalar_one())
        signature = json.dumps({part: definition[part] for part in PART if part in definition})
        connection.execute(sa.update(models).where(this).values(signature=signature))

"""Alembic runs this for every command; the connection comes from `migrations.configuration`."""

from __future__ import annotations

from alembic import context

from bessemer_server.stores.sql import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    # SQLite cannot alter most things: Alembic copies the table instead.
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()

"""Deletion of models over a connection. Their blobs go when they are collected."""

from __future__ import annotations

import sqlalchemy as sa

from bessemer_server.stores import model_rules
from bessemer_server.stores.sql import aliases, jobs, models, tables

table = tables.models


def delete_model(connection: sa.Connection, name: str, version: int | None) -> list[int]:
    """Remove one version, or all; returns which."""
    known = models.lock(connection, name)
    if version is not None and version not in known:
        raise models.unknown(connection, name, version)
    gone = known if version is None else [version]
    model_rules.check_unnamed(name, gone, aliases.of(connection, [name]))
    model_rules.check_unneeded(name, gone, jobs.that_need(connection, name))
    connection.execute(sa.delete(table).where(table.c.name == name, table.c.version.in_(gone)))
    return gone

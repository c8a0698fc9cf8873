"""Aliases of models over a connection."""

from __future__ import annotations

import itertools
from collections.abc import Collection

import sqlalchemy as sa

from bessemer_server.domain.aliases import Alias
from bessemer_server.stores import model_rules
from bessemer_server.stores.sql import models, tables

table = tables.model_aliases


def put(connection: sa.Connection, alias: Alias) -> None:
    """Make or move one."""
    known = models.lock(connection, alias.model)
    for version in alias.shares:
        if version not in known:
            raise models.unknown(connection, alias.model, version)
    _drop(connection, alias.model, alias.name)
    rows = [
        {"model": alias.model, "name": alias.name, "version": version, "share": share}
        for version, share in alias.shares.items()
    ]
    connection.execute(sa.insert(table).values(rows))


def delete(connection: sa.Connection, model: str, name: str) -> None:
    """Remove one, if it is there."""
    models.lock(connection, model)
    _drop(connection, model, name)


def get(connection: sa.Connection, model: str, name: str) -> Alias:
    """One; raises `NotFound`."""
    known = of(connection, [model])
    if not known and not models.versions(connection, model):
        raise models.unknown(connection, model, None)
    found = next((alias for alias in known if alias.name == name), None)
    if found is None:
        raise model_rules.unknown_alias(name, model, [alias.name for alias in known])
    return found


def of(connection: sa.Connection, names: Collection[str]) -> list[Alias]:
    """All of these models, by model and name."""
    query = sa.select(table).where(table.c.model.in_(names))
    rows = connection.execute(query.order_by(table.c.model, table.c.name, table.c.version))
    return [
        Alias(model, name, {row.version: row.share for row in group})
        for (model, name), group in itertools.groupby(rows, lambda row: (row.model, row.name))
    ]


def _drop(connection: sa.Connection, model: str, name: str) -> None:
    connection.execute(sa.delete(table).where(table.c.model == model, table.c.name == name))

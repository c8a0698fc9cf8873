"""`INSERT ... ON CONFLICT`, which both databases have, each under its own name in SQLAlchemy."""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "postgresql":
        # The two classes share no base that has these methods, but the methods themselves.
        return cast(sqlite.Insert, postgresql.insert(table))
    return sqlite.insert(table)

"""`INSERT ... ON CONFLICT`, which both databases have, each under its own name in SQLAlchemy."""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # 50 ms of a start that does not need it

        # The two classes share no base that has these methods, but the methods themselves.
        return cast(sqlite.Insert, postgresql.insert(table))
    return sqlite.insert(table)

"""Column types that give back exactly what was put in, on SQLite and on PostgreSQL."""
# ruff: noqa: D102  (the methods of a type decorator are SQLAlchemy's)

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import sqlalchemy as sa


class _Word(sa.TypeDecorator[str]):
    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text(collation="C") if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        # PostgreSQL takes no text with NUL, not even to look for it. None is ever stored: what is asked for is not there.
        return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}")


Word = _Word()
"""Ids and names: ordered by code point on both databases, whatever the server's locale; without NUL."""


class Utc(sa.TypeDecorator[datetime.datetime]):
    """Aware times in UTC, to the microsecond. SQLite has no zones and stores them as UTC without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: sa.Dialect
    ) -> datetime.datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; times are aware, in UTC")
        return value and value.astimezone(datetime.UTC)

    def process_result_value(
        self, value: datetime.datetime | None, dialect: sa.Dialect
    ) -> datetime.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)


class Json(sa.TypeDecorator[Any]):
    """JSON values as text: floats keep every bit, NaN and infinities too, and strings may hold NUL or lone
    surrogates, which PostgreSQL's own text refuses. None is NULL.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class Number(sa.TypeDecorator[float]):
    """A double. NaN is NULL, because SQLite stores it so anyway; and SQLite forgets the sign of zero."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float:
        return math.nan if value is None else value

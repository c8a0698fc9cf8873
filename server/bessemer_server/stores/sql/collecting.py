"""Garbage collection of blobs over a connection.

What refers to blobs is read off the tables: each that has a foreign key to them. One that is added with the next feature
is known here without a word, and the database refuses to remove what it names even so. See docs/decisions on why nothing
that is needed can be taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from bessemer_server.domain.holders import Holder
from bessemer_server.domain.jobs import Time
from bessemer_server.domain.states import ACTIVE
from bessemer_server.stores.sql import attempts, blobs, tables

holds = tables.blob_holds
digest = tables.blobs.c.digest


def hold(connection: sa.Connection, holder: Holder, digests: Iterable[str]) -> list[str]:
    """Keep the blobs for the holder, those too that are not there yet; returns which are missing."""
    if holder.expire_time is None:
        attempts.lock_current(connection, holder.id, holder.attempt)
    wanted = list(dict.fromkeys(digests))
    mine = sa.and_(holds.c.holder == holder.id, holds.c.attempt == holder.attempt)
    known = set(connection.scalars(sa.select(holds.c.digest).where(mine)))
    values = [
        {"holder": holder.id, "attempt": holder.attempt, "digest": name, "expire_time": holder.expire_time}
        for name in wanted
        if name not in known
    ]
    if values:
        connection.execute(sa.insert(holds), values)
    # After the holds are written: a collection that did not see them has its rows locked, and we wait for its end.
    return blobs.missing(connection, wanted, lock=True)


def release(
    connection: sa.Connection, holder: str, attempt: int, digests: Collection[str] | None = None
) -> None:
    """Keep these blobs for the holder no longer; None: none of them."""
    mine = sa.and_(holds.c.holder == holder, holds.c.attempt == attempt)
    if digests is None:
        connection.execute(sa.delete(holds).where(mine))
        return
    names = sorted(set(digests))
    for start in range(0, len(names), blobs.PART):
        part = holds.c.digest.in_(names[start : start + blobs.PART])
        connection.execute(sa.delete(holds).where(mine, part))


def look(connection: sa.Connection, after: str, count: int, now: Time) -> tuple[str, list[str]]:
    """Of the next `count` blobs behind `after`: the last, empty when there are no more, and those that nothing needs."""
    window = sa.select(digest).where(digest > after).order_by(digest).limit(count)
    names = list(connection.scalars(window))
    if not names:
        return "", []
    within = sa.and_(digest > after, digest <= names[-1])
    unneeded = connection.scalars(sa.select(digest).where(within, *_nothing_needs(now)).order_by(digest))
    return names[-1] if len(names) == count else "", list(unneeded)


def remove(connection: sa.Connection, names: Sequence[str], now: Time) -> list[str]:
    """Remove those of the blobs that still nothing needs; returns them."""
    # Locked first and judged then: whoever writes a reference or a hold at this moment has them locked, and they are
    # passed over; whoever comes later waits, and is told that they are missing.
    lock = sa.select(digest).where(digest.in_(names)).order_by(digest).with_for_update(skip_locked=True)
    locked = list(connection.scalars(lock))
    statement = sa.delete(tables.blobs).where(digest.in_(locked), *_nothing_needs(now))
    removed = list(connection.scalars(statement.returning(digest)))
    if removed:
        marks = tables.damaged_blobs
        connection.execute(sa.delete(marks).where(marks.c.digest.in_(removed)))
    return removed


def drop_dead_holds(connection: sa.Connection, now: Time) -> None:
    """Forget holds of attempts that are over and of what has expired."""
    connection.execute(sa.delete(holds).where(sa.not_(_is_alive(now))))


def references() -> list[sa.Column[str]]:
    """Each column that refers to blobs."""
    return [
        column
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if any(key.column is digest for key in column.foreign_keys)
    ]


def _nothing_needs(now: Time) -> list[sa.ColumnElement[bool]]:
    held = sa.exists().where(holds.c.digest == digest, _is_alive(now))
    return [*(~sa.exists().where(column == digest) for column in references()), ~held]


def _is_alive(now: Time) -> sa.ColumnElement[bool]:
    jobs = tables.jobs
    is_current = sa.exists().where(
        jobs.c.id == holds.c.holder,
        jobs.c.attempt == holds.c.attempt,
        jobs.c.state.in_(sorted(state.value for state in ACTIVE)),
    )
    return sa.or_(
        sa.and_(holds.c.expire_time.is_(None), is_current), sa.func.coalesce(holds.c.expire_time > now, False)
    )

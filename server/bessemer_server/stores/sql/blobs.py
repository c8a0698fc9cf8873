"""Blobs over a connection. `collecting` removes those that nothing needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from bessemer_server.stores.sql import tables, upserts

blobs = tables.blobs
marks = tables.damaged_blobs
PART = 1000
"""Digests in one question: a statement has room for a limited number of parameters."""


def missing(connection: sa.Connection, digests: Iterable[str], *, lock: bool = False) -> list[str]:
    """Those that are not there, or known to be damaged, without repetitions, in the order given. With `lock` the others
    stay until the transaction ends.
    """
    wanted = list(dict.fromkeys(digests))
    there: set[str] = set()
    for start in range(0, len(wanted), PART):
        part = wanted[start : start + PART]
        query = sa.select(blobs.c.digest).where(blobs.c.digest.in_(part)).order_by(blobs.c.digest)
        there.update(connection.scalars(query.with_for_update(read=True, key_share=True) if lock else query))
    sound = there - _damaged(connection, wanted)
    return [digest for digest in wanted if digest not in sound]


def put(connection: sa.Connection, contents: Mapping[str, bytes]) -> None:
    """Insert those that are not there, and give those that are damaged their bytes again."""
    absent = missing(connection, contents)
    if absent:
        write(connection, {digest: contents[digest] for digest in absent})


def write(connection: sa.Connection, contents: Mapping[str, bytes]) -> None:
    """Insert these whether they are there or not; they stay until the transaction ends."""
    statement = upserts.insert(connection, blobs)
    statement = statement.on_conflict_do_update(
        index_elements=[blobs.c.digest], set_={"data": statement.excluded.data}
    )
    # In one order: two transactions that insert the same blobs crosswise would wait for each other.
    digests = sorted(contents)
    connection.execute(statement, [{"digest": digest, "data": contents[digest]} for digest in digests])
    connection.execute(sa.delete(marks).where(marks.c.digest.in_(_damaged(connection, digests))))


def _damaged(connection: sa.Connection, digests: Sequence[str]) -> set[str]:
    """Those that were found damaged."""
    # All marks: there are hardly ever any.
    return set(connection.scalars(sa.select(marks.c.digest))).intersection(digests)


def get(connection: sa.Connection, digest: str) -> bytes | None:
    """The bytes as they are stored, unchecked; None where there are none."""
    data: bytes | None = connection.scalar(sa.select(blobs.c.data).where(blobs.c.digest == digest))
    return data

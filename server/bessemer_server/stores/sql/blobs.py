"""Blobs over a connection. Nothing removes them yet: those that no checkpoint or model holds stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from bessemer_server.stores.sql import tables, upserts

blobs = tables.blobs
PART = 1000
"""Digests in one question: a statement has room for a limited number of parameters."""


def missing(connection: sa.Connection, digests: Iterable[str]) -> list[str]:
    """Those that are not there, without repetitions, in the order given."""
    wanted = list(dict.fromkeys(digests))
    there: set[str] = set()
    for start in range(0, len(wanted), PART):
        part = wanted[start : start + PART]
        there.update(connection.scalars(sa.select(blobs.c.digest).where(blobs.c.digest.in_(part))))
    return [digest for digest in wanted if digest not in there]


def put(connection: sa.Connection, contents: Mapping[str, bytes]) -> None:
    """Insert those that are not there."""
    statement = upserts.insert(connection, blobs).on_conflict_do_nothing()
    # In one order: two transactions that insert the same blobs crosswise would wait for each other.
    values = [
        {"digest": digest, "data": contents[digest]} for digest in sorted(missing(connection, contents))
    ]
    if values:
        connection.execute(statement, values)


def get(connection: sa.Connection, digest: str) -> bytes | None:
    """The bytes as they are stored, unchecked; None where there are none."""
    data: bytes | None = connection.scalar(sa.select(blobs.c.data).where(blobs.c.digest == digest))
    return data

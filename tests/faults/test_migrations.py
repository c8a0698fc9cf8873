"""A migration is killed at each of its statements, for real: the schema is the old or the new one, and every row is there."""

from __future__ import annotations

import contextlib
import datetime
import json
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from bessemer_server.stores.sql import engines, migrations

VERSIONS = sorted(
    path.name[:4] for path in pathlib.Path(migrations.__file__).parent.glob("versions/[0-9]*.py")
)
ROWS = 3
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@contextlib.contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    opened = engines.make(url)
    try:
        with opened.writing.begin() as connection:
            yield connection
    finally:
        opened.dispose()


def make_old(url: str, version: str) -> None:
    """A database of an older schema with some rows in every table: those of one number refer to each other."""
    with connected(url) as connection:
        command.upgrade(migrations.configuration(connection), version)
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(sa.insert(table), [make_row(table, n) for n in range(ROWS)])


def make_row(table: sa.Table, number: int) -> dict[str, Any]:
    kinds: list[tuple[type, Any]] = [
        (sa.LargeBinary, b"\x00%d" % number),
        (sa.DateTime, NOW),
        (sa.Text, json.dumps({"number": number})),
        (sa.String, str(number)),
        (sa.types.NullType, number),
    ]
    return {
        column.name: next((value for kind, value in kinds if isinstance(column.type, kind)), number)
        for column in table.columns
    }


def look(connection: sa.Connection) -> tuple[str, dict[str, set[str]], dict[str, list[str]]]:
    """Version, columns and indexes of every table, and its rows as a set of (column, value)."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    schema, rows = {}, {}
    for table in metadata.sorted_tables:
        schema[table.name] = {
            *(column.name for column in table.columns),
            *(str(i.name) for i in table.indexes),
        }
        found = connection.execute(sa.select(table)).mappings()
        rows[table.name] = [repr(sorted(row.items())) for row in found]
    (version,) = connection.execute(sa.text("SELECT version_num FROM alembic_version")).one()
    return version, schema, {name: sorted(found) for name, found in rows.items() if name != "alembic_version"}


def count_rows(rows: dict[str, list[str]]) -> dict[str, int]:
    return {name: len(found) for name, found in rows.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "empty_postgres_url"
    return str(request.getfixturevalue(name))


@pytest.mark.parametrize(
    "version", [VERSIONS[-2], *(pytest.param(version, marks=pytest.mark.long) for version in VERSIONS[:-2])]
)
def test_a_migration_that_is_killed_at_any_statement_has_not_been_or_is_whole(
    url: str, tmp_path: pathlib.Path, version: str
) -> None:
    make_old(url, version)
    with connected(url) as connection:
        before = look(connection)
    assert set(count_rows(before[2]).values()) == {ROWS}
    line = [sys.executable, str(pathlib.Path(__file__).with_name("migrating_process.py")), url, str(tmp_path)]
    kills = 0
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        status = -signal.SIGKILL
        while status == -signal.SIGKILL:
            process.stdin.write(f"{kills + 1}\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            with connected(url) as connection:
                after = look(connection)
            if status == -signal.SIGKILL:
                assert after == before
                kills += 1
        process.stdin.close()
    assert status == 0
    assert kills >= 4
    assert after[0] == VERSIONS[-1]
    old_rows = count_rows(before[2])
    new_rows = count_rows(after[2])
    assert all(new_rows[name] >= count for name, count in old_rows.items())
    if url.startswith("sqlite"):
        with connected(f"{url}.before-{VERSIONS[-1]}") as connection:
            assert look(connection) == before

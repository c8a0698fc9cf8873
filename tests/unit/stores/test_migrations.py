"""The migrations make the tables that the code speaks of, once, whoever runs them and how often."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import autogenerate, command, script
from alembic.runtime.migration import MigrationContext

from bessemer_server.domain import errors
from bessemer_server.stores.sql import engines, migrations, tables

HEAD = max(path.name[:4] for path in Path(migrations.__file__).parent.glob("versions/[0-9]*.py"))
MIGRATE = """
import sys
from bessemer_server.stores.sql import engines, migrations
opened = engines.make(sys.argv[1])
input()
migrations.migrate(opened.writing)
opened.dispose()
"""


NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
OLD_JOB = {
    "architecture": "mlp",
    "fingerprint": "",
    "state_message": "",
    "create_time": NOW,
    "attempt": 1,
    "losses": 0,
    "last_cursor": 0,
    **{name: {} for name in ("spec", "effective_spec", "progress", "metrics")},
}
OLD_MODEL = {
    "name": "m",
    "architecture": "mlp",
    "dataset": "flowers",
    "parameters": 1,
    "create_time": NOW,
    **{name: {} for name in ("weights", "definition", "metrics", "effective_spec")},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "empty_postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def engine(empty_url: str) -> Iterator[sa.Engine]:
    opened = engines.make(empty_url)
    yield opened.writing
    opened.dispose()


def test_the_migrated_schema_is_that_of_the_tables(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert autogenerate.compare_metadata(context, tables.metadata) == []


def test_the_newest_version_is_the_head_of_alembics_scripts(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        scripts = script.ScriptDirectory.from_config(migrations.configuration(connection))
    assert scripts.get_heads() == [migrations.newest_version()]


def test_the_comparison_sees_a_difference(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_jobs_create_time_id")
        connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN extra INTEGER")
        context = MigrationContext.configure(connection)
        found = {change[0] for change in autogenerate.compare_metadata(context, tables.metadata)}
    assert found == {"add_index", "remove_column"}


def test_migrating_again_changes_nothing_and_keeps_rows(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.blobs).values(digest="d", data=b"x"))
    migrations.migrate(engine)
    migrations.migrate(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(tables.blobs.c.data)) == b"x"


def test_models_learn_from_their_jobs_what_they_were_trained_on(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0005")
        for job_id, digest in (("a", "d"), ("b", None)):
            row = {"id": job_id, "name": "m", "state": "SUCCEEDED", "dataset_digest": digest}
            connection.execute(insert_old("jobs"), OLD_JOB | row)
        connection.execute(insert_old("model_names"), {"name": "m", "last_version": 2})
        for version, job_id in ((1, "a"), (2, "b")):
            connection.execute(insert_old("models"), OLD_MODEL | {"version": version, "job_id": job_id})
    migrations.migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(sa.select(tables.models.c.version, tables.models.c.dataset_digest))
        assert {tuple(row) for row in found} == {(1, "d"), (2, "")}


def insert_old(table: str) -> sa.Insert:
    """An insert into a table as it was: without the columns that later migrations add."""
    new = {"jobs": {"delete_time", "rank", "next_attempt_time"}, "models": {"dataset_digest"}}.get(
        table, set()
    )
    columns = [sa.Column(c.name, c.type) for c in tables.metadata.tables[table].c if c.name not in new]
    return sa.insert(sa.Table(table, sa.MetaData(), *columns))


def test_servers_that_start_at_once_migrate_once(empty_url: str, engine: sa.Engine) -> None:
    line = [sys.executable, "-c", MIGRATE, empty_url]
    started = [
        subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outcomes = [(process.communicate()[1], process.returncode) for process in started]
    assert outcomes == [("", 0)] * 3
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [HEAD]


def test_a_migration_that_fails_leaves_nothing_behind(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        # The last table of the first migration is there already.
        connection.exec_driver_sql("CREATE TABLE model_blobs (x INTEGER)")
    with pytest.raises(sa.exc.DBAPIError, match="model_blobs"):
        migrations.migrate(engine)
    assert sa.inspect(engine).get_table_names() == ["model_blobs"]


def test_a_schema_of_a_newer_release_is_refused_and_stays(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.FailedPrecondition, match=r"9999.*a newer one"):
        migrations.migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "9999"

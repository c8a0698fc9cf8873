"""Brings a database to the newest schema: Alembic's scripts, with no file of configuration.

To add one: change `tables.py`, write `versions/NNNN_word.py` by hand, and run the test that compares both.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bessemer_server.domain import errors, failpoints
from bessemer_server.stores.sql import copying

if TYPE_CHECKING:
    from alembic import config

_LOCK = 0x6265_7373
"""Any number that other users of the same PostgreSQL server hardly choose: "bess"."""


def migrate(engine: sa.Engine) -> None:
    """Apply all migrations that are missing, in one transaction; nothing happens when there are none. A SQLite file is copied
    before that, to `before-NNNN` beside it.

    Servers that start at once wait for each other. Raises `FailedPrecondition` when a newer release has been here."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        version = _read_version(connection)
        if version == newest_version():
            return
        if version is not None:
            check_known(connection)
            _keep_copy(connection)
        upgrade(connection)
        failpoints.hit("migration.before_commit")
    failpoints.hit("migration.after_commit")


def newest_version() -> str:
    """The version that the newest script leads to, by its file's name."""
    return max(_versions())


def check_known(connection: sa.Connection) -> str:
    """The version that the database has; raises `FailedPrecondition` unless this release has been there, or an older one."""
    version = _read_version(connection)
    if version is None:
        raise errors.FailedPrecondition("it is no database of Bessemer", reason="UNKNOWN_SCHEMA")
    if version not in _versions():
        raise _unknown(f"{version} is none of {min(_versions())} to {newest_version()}")
    return version


def _versions() -> list[str]:
    scripts = pathlib.Path(__file__).parent.joinpath("versions").glob("[0-9]*_*.py")
    return [script.name.partition("_")[0] for script in scripts]


def _read_version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return version


def _keep_copy(connection: sa.Connection) -> None:
    """The file as it is, which nobody else writes as long as our transaction lasts."""
    if connection.dialect.name != "sqlite":
        return
    (file,) = [
        pathlib.Path(row.file)
        for row in connection.exec_driver_sql("PRAGMA database_list")
        if row.name == "main"
    ]
    with copying.partial(file.with_name(f"{file.name}.before-{newest_version()}")) as draft:
        copying.copy_file(file, draft)


def upgrade(connection: sa.Connection) -> None:
    """Apply all migrations that are missing in the connection's transaction. Raises as `migrate`."""
    # Imported when there is something to do: it takes a third of the time of a start.
    from alembic import command, util

    sa.event.listen(connection, "before_cursor_execute", lambda *_: failpoints.hit("migration.statement"))
    try:
        command.upgrade(configuration(connection), "head")
    except util.CommandError as error:
        raise _unknown(str(error)) from error


def _unknown(why: str) -> errors.FailedPrecondition:
    return errors.FailedPrecondition(
        f"the database's schema is not one that this release knows ({why}); "
        "start the release that last used it, or a newer one",
        reason="UNKNOWN_SCHEMA",
    )


def configuration(connection: sa.Connection) -> config.Config:
    """Alembic's settings for a connection that is in a transaction already."""
    from alembic import config

    settings = config.Config()
    folder = str(pathlib.Path(__file__).parent)
    settings.set_main_option("script_location", folder.replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings

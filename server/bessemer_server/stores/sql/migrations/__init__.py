"""Brings a database to the newest schema: Alembic's scripts, with no file of configuration.

To add one: change `tables.py`, write `versions/NNNN_word.py` by hand, and run the test that compares both.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bessemer_server.domain import errors

if TYPE_CHECKING:
    from alembic import config

_LOCK = 0x6265_7373
"""Any number that other users of the same PostgreSQL server hardly choose: "bess"."""


def migrate(engine: sa.Engine) -> None:
    """Apply all migrations that are missing, in one transaction; nothing happens when there are none.

    Servers that start at once wait for each other. Raises `FailedPrecondition` when a newer release has been here."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _read_version(connection) != newest_version():
            _upgrade(connection)


def newest_version() -> str:
    """The version that the newest script leads to, by its file's name."""
    scripts = pathlib.Path(__file__).parent.joinpath("versions").glob("[0-9]*_*.py")
    return max(script.name.partition("_")[0] for script in scripts)


def _read_version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return version


def _upgrade(connection: sa.Connection) -> None:
    # Imported when there is something to do: it takes a third of the time of a start.
    from alembic import command, util

    try:
        command.upgrade(configuration(connection), "head")
    except util.CommandError as error:
        raise errors.FailedPrecondition(
            f"the database's schema is not one that this release knows ({error}); "
            "start the release that last used it, or a newer one",
            reason="UNKNOWN_SCHEMA",
        ) from error


def configuration(connection: sa.Connection) -> config.Config:
    """Alembic's settings for a connection that is in a transaction already."""
    from alembic import config

    settings = config.Config()
    folder = str(pathlib.Path(__file__).parent)
    settings.set_main_option("script_location", folder.replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings

"""Brings a database to the newest schema: Alembic's scripts, with no file of configuration.

To add one: change `tables.py`, write `versions/NNNN_word.py` by hand, and run the test that compares both.
"""

from __future__ import annotations

import pathlib

import sqlalchemy as sa
from alembic import command, config, util

from bessemer_server.domain import errors

_LOCK = 0x6265_7373
"""Any number that other users of the same PostgreSQL server hardly choose: "bess"."""


def migrate(engine: sa.Engine) -> None:
    """Apply all migrations that are missing, in one transaction; nothing happens when there are none.

    Servers that start at once wait for each other. Raises `FailedPrecondition` when a newer release has been here."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
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
    settings = config.Config()
    folder = str(pathlib.Path(__file__).parent)
    settings.set_main_option("script_location", folder.replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings

"""Migrates a database in a child, as often as it is told to by a line with a number, which arms the statement of that number;
answers each line with the child's status. Forking saves importing SQLAlchemy and Alembic each time.
"""

from __future__ import annotations

import os
import pathlib
import sys

import alembic.command
import alembic.config  # noqa: F401

from bessemer_server.domain import failpoints
from bessemer_server.stores.sql import engines, migrations


def main(url: str, folder: pathlib.Path) -> None:
    for line in sys.stdin:
        (folder / "migration.statement").write_text(line)
        if (child := os.fork()) == 0:
            failpoints.enable({failpoints.VARIABLE: str(folder)})
            migrations.migrate(engines.make(url).writing)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))

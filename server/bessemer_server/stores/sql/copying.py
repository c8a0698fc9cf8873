"""Copies of a whole database: page by page between SQLite files, row by row between any two."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import urllib.parse
from collections.abc import Iterator

import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.stores.sql import engines, tables

ROWS = 1000
"""Rows that are in memory at once, of tables without large values."""
LARGE_ROWS = 16
"""The same of tables with them: blobs have up to 2 MiB."""
PARTIAL = ".partial"
"""End of the names of files that are not whole yet."""


def copy_file(source: pathlib.Path, target: pathlib.Path) -> None:
    """Write what is committed in `source` now to `target`, one file without a log, durably. Whoever reads or writes the
    source meanwhile goes on: this connection only reads, and neither writes nor empties the write-ahead log.
    """
    address = f"file:{urllib.parse.quote(str(source.absolute()))}?mode=ro"
    target.unlink(missing_ok=True)
    with (
        _translated(source),
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=engines.BUSY_TIMEOUT_S)) as reading,
        contextlib.closing(sqlite3.connect(target)) as writing,
    ):
        # All pages in one step: in several, each write of the server would begin the copy anew.
        reading.backup(writing, pages=-1)
        writing.execute("PRAGMA journal_mode=DELETE")
    settle(target)


@contextlib.contextmanager
def _translated(source: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise errors.Unavailable(f"{source} cannot be copied: {error}", reason="DATABASE_FAILED") from error
    except sqlite3.DatabaseError as error:
        raise errors.DataLoss(
            f"{source} cannot be copied: {error}; restore it from an older backup"
        ) from error


def copy_rows(source: sa.Connection, target: sa.Connection) -> None:
    """Insert every row of every table, both of the newest schema. The target has none."""
    for table in tables.metadata.sorted_tables:
        is_large = any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
        count = LARGE_ROWS if is_large else ROWS
        found = source.execute(sa.select(table), execution_options={"yield_per": count})
        for part in found.partitions():
            target.execute(sa.insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001 - its public name


@contextlib.contextmanager
def partial(file: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file that takes its name when the block has ended well, and is gone when it has not."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in file.parent.glob(f".{file.name}.*{PARTIAL}*"):  # of somebody who was killed
        left.unlink()
    draft = file.with_name(f".{file.name}.{os.getpid()}{PARTIAL}")
    try:
        yield draft
        draft.rename(file)
        settle(file)
    finally:
        draft.unlink(missing_ok=True)


def settle(file: pathlib.Path) -> None:
    """Have the file and its name survive a power cut."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

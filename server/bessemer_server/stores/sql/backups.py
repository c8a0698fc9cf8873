"""Backup and restore. A backup is one SQLite file with everything in it, whichever database it comes from or goes to."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import pathlib
import tempfile
from collections.abc import Iterator

import sqlalchemy as sa

from bessemer_server.domain import errors, failpoints
from bessemer_server.domain.jobs import Time
from bessemer_server.stores.sql import copying, damage, engines, migrations, tables

LOGS = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database."""


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What a backup holds."""

    schema: str
    jobs: int
    models: int
    blobs: int
    damaged: tuple[str, ...]
    """Digests of blobs whose bytes are not theirs; the backup says so itself, and so will the server that has it."""


def save(url: str, file: pathlib.Path, now: Time) -> Summary:
    """Write a backup of the database at `url` to a file that does not exist yet. A server may be at work on it: the backup
    is all that was acknowledged before some moment of this call, and nothing else.

    Raises `FailedPrecondition` for a file that exists or a database of another schema, `DataLoss` for a broken one.
    """
    if file.exists():
        raise errors.FailedPrecondition(f"{file} exists already; choose another name, or move it away")
    with copying.partial(file) as partial:
        _copy(url, partial)
        failpoints.hit("backup.copied")
        with _opened(partial) as engine, engine.begin() as connection:
            damaged = _find_damaged(connection)
            for digest in damaged:
                damage.mark(connection, digest, now)
        summary = check(partial)
        copying.settle(partial)
        failpoints.hit("backup.checked")
    return summary


def restore(file: pathlib.Path, url: str) -> Summary:
    """Make the database at `url`, which must not exist or be empty, from a backup, which is checked first. All or nothing:
    after a kill at any moment the database is whole, or not there. No trainer of the time before has a say in it.

    Raises `DataLoss` for a backup that is not what was written, `FailedPrecondition` for a database that has something in it
    and for a backup of a newer release.
    """
    if not file.is_file():
        raise errors.NotFound(f"there is no file {file}")
    parsed = sa.make_url(url)
    if parsed.drivername == "sqlite":
        target = pathlib.Path(str(parsed.database))
        return _restore_file(file, target)
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "backup.db"
        copying.copy_file(file, copy)
        summary = check(copy)
        with _opened(copy) as source, _connected(url) as opened:
            migrations.migrate(source)
            _disown_trainers(source)
            _fill(source, opened.writing)
    return summary


def check(file: pathlib.Path) -> Summary:
    """Read a backup whole: pages, references, and the digest of every blob. Raises `DataLoss` for what is not as it was
    written, `FailedPrecondition` for a schema that this release does not know.
    """
    try:
        with _opened(file) as engine, engine.begin() as connection:
            _check_pages(connection, file)
            schema = migrations.check_known(connection)
            marked = tuple(connection.scalars(sa.select(tables.damaged_blobs.c.digest)))
            unknown = [digest for digest in _find_damaged(connection) if digest not in marked]
            if unknown:
                raise errors.DataLoss(
                    f"{file} is damaged: the bytes of blob {unknown[0]} are not those it was given"
                )
            jobs, models, blobs = (
                connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (tables.jobs, tables.models, tables.blobs)
            )
    except sa.exc.DatabaseError as error:
        raise errors.DataLoss(f"{file} is no whole backup: {error.orig}") from error
    return Summary(schema, jobs, models, blobs, marked)


def _copy(url: str, target: pathlib.Path) -> None:
    parsed = sa.make_url(url)
    if parsed.drivername == "sqlite":
        source = pathlib.Path(str(parsed.database))
        if not source.is_file():
            raise errors.NotFound(f"there is no database {source}; --data-dir names the service's folder")
        copying.copy_file(source, target)
        with _opened(target) as engine, engine.begin() as connection:
            _check_newest(connection)
        return
    with _connected(url) as opened, opened.reading.begin() as source_rows:
        _check_newest(source_rows)
        with _opened(target) as engine:
            migrations.migrate(engine)
            with engine.begin() as target_rows:
                copying.copy_rows(source_rows, target_rows)


def _restore_file(file: pathlib.Path, target: pathlib.Path) -> Summary:
    # A log that another database left would be taken for this one's, and written over it.
    for present in (target, *(target.with_name(target.name + ending) for ending in LOGS)):
        if present.exists():
            raise errors.FailedPrecondition(
                f"{present} exists already; restore into a folder that is empty, named by --data-dir"
            )
    with copying.partial(target) as partial:
        copying.copy_file(file, partial)
        failpoints.hit("restore.copied")
        summary = check(partial)
        with _opened(partial) as engine:
            _disown_trainers(engine)
        copying.settle(partial)
        failpoints.hit("restore.checked")
    return summary


def _disown_trainers(engine: sa.Engine) -> None:
    """A trainer that outlived its server would report from where it is now, with a hole behind what the backup has: it shall find
    nobody who knows it, and end.
    """
    nobody = sa.literal("restored/").concat(tables.attempts.c.job_id).concat("/")
    token = nobody.concat(sa.cast(tables.attempts.c.number, sa.String))
    with engine.begin() as connection:
        connection.execute(sa.update(tables.attempts).values(token_digest=token, pid=0))


def _fill(source: sa.Engine, target: sa.Engine) -> None:
    """One transaction: the tables and all that is in them."""
    with source.begin() as rows, target.begin() as connection:
        if present := sa.inspect(connection).get_table_names():
            raise errors.FailedPrecondition(
                f"the database is not empty, it has the table {present[0]!r}; restore into a new one (createdb)"
            )
        migrations.upgrade(connection)
        copying.copy_rows(rows, connection)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[engines.Engines]:
    opened = engines.make(url)
    try:
        with engines.translated():
            yield opened
    finally:
        opened.dispose()


@contextlib.contextmanager
def _opened(file: pathlib.Path) -> Iterator[sa.Engine]:
    """A file that is ours alone; without a log beside it when the block has ended."""
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def _check_pages(connection: sa.Connection, file: pathlib.Path) -> None:
    for pragma, sound in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        found = [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {pragma}")]
        if found != sound:
            raise errors.DataLoss(f"{file} is damaged: {pragma} says {found[0]}; take another backup")


def _check_newest(connection: sa.Connection) -> None:
    version = migrations.check_known(connection)
    if version != migrations.newest_version():
        raise errors.FailedPrecondition(
            f"the database has the schema {version} of an older release: back it up with that release, or start this one on "
            "it first, which brings it up to date",
            reason="OLD_SCHEMA",
        )


def _find_damaged(connection: sa.Connection) -> list[str]:
    """Digests of blobs that have other bytes."""
    blobs = sa.select(tables.blobs.c.digest, tables.blobs.c.data)
    found = connection.execute(blobs, execution_options={"yield_per": copying.LARGE_ROWS})
    return [row.digest for row in found if hashlib.sha256(row.data).hexdigest() != row.digest]

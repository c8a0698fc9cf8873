"""The command line of the service."""

from __future__ import annotations

import contextlib
import datetime
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from bessemer_server import folder, settings
from bessemer_server.domain import errors, failpoints

if TYPE_CHECKING:
    from bessemer_server.stores.sql import backups


DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=pathlib.Path), help="Folder for all data.  [default: ~/.bessemer]"
)
DATABASE = click.option(
    "--database", metavar="URL", help="postgresql://user:password@host/name.  [default: SQLite in --data-dir]"
)
CONFIG = click.option(
    "--config",
    type=click.Path(path_type=pathlib.Path),
    envvar="BESSEMER_CONFIG",
    help="TOML file with settings.",
)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--listen", metavar="HOST:PORT", help="Address for clients.  [default: 127.0.0.1:50051]")
@click.option(
    "--fronts",
    metavar="auto|N",
    help="Processes that receive calls, on the same port.  [default: auto, 2 to 4 from 8 cores on]",
)
@click.option("--metrics-listen", metavar="HOST:PORT", help="Address for Prometheus.  [default: none]")
@DATA_DIR
@DATABASE
@click.option("--device", metavar="auto|cpu|cuda:0,1", help="Where to train.  [default: auto]")
@click.option(
    "--engine", metavar="auto|torch|onnxruntime", help="What computes predictions.  [default: auto]"
)
@click.option(
    "--shared-memory",
    metavar="auto|on|off",
    help="Whether tensors may lie in shared memory of this machine.  [default: auto, on a loopback address]",
)
@click.option(
    "--predictor-memory-mib",
    type=int,
    help="Memory for models that predict.  [default: half of the machine's]",
)
@click.option("--slots", type=int, help="Jobs that train at the same time.  [default: one per device]")
@click.option(
    "--dataset-dir",
    type=click.Path(path_type=pathlib.Path),
    help="Folder where data sets are looked for before they are downloaded.",
)
@click.option(
    "--grace-seconds", type=float, help="How long a stop waits for trainers to save.  [default: 30]"
)
@click.option(
    "--lease-seconds", type=float, help="Silence after which a trainer has lost its job.  [default: 10]"
)
@click.option("--back-off-seconds", type=float, help="Wait after a second loss in a row.  [default: 10]")
@click.option("--keep-checkpoints", type=int, help="Newest checkpoints kept of each job.  [default: 3]")
@click.option("--max-upload-mib", type=int, help="Size of a data set that a user uploads.  [default: 4096]")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [default: info]")
@click.option("--stop-with-stdin", is_flag=True, default=None, help="Stop when standard input closes.")
@CONFIG
@click.option("--check", is_flag=True, help="Print the settings and stop.")
@click.version_option(package_name="bessemer")
@click.pass_context
def main(context: click.Context, /, config: pathlib.Path | None, check: bool, **flags: Any) -> None:
    """Start the Bessemer service: train models and serve them, over gRPC.

    Every option is also read from the environment (BESSEMER_LISTEN, ...) and from the TOML file.
    """
    if context.invoked_subcommand:
        context.obj = {"config": config, **flags}
        return
    found = _load(config, flags)
    if check:
        for name, value in found.model_dump().items():
            click.echo(f"{name} = {settings.hide_password(value) if name == 'database' else value}")
        return
    _run(found)


@main.command()
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@DATA_DIR
@DATABASE
@CONFIG
@click.pass_context
def backup(context: click.Context, /, file: pathlib.Path, config: pathlib.Path | None, **flags: Any) -> None:
    """Write all that the service keeps to FILE, or to a new file in the folder FILE. The service may run meanwhile: neither
    clients nor training wait for it.
    """
    from bessemer_server.stores.sql import backups

    found = _load_for(context, config, flags)
    now = datetime.datetime.now(datetime.UTC)
    target = file / f"bessemer-{now:%Y%m%dT%H%M%SZ}.db" if file.is_dir() else file
    with _told():
        summary = backups.save(found.database_url, target, now)
    click.echo(f"backed up to {target}: {_describe(summary)}")
    _warn(summary)


@main.command()
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@DATA_DIR
@DATABASE
@CONFIG
@click.pass_context
def restore(context: click.Context, /, file: pathlib.Path, config: pathlib.Path | None, **flags: Any) -> None:
    """Make an empty data folder, or an empty PostgreSQL database, what it was when FILE was written by `backup`. The next
    start of the service goes on from there.
    """
    from bessemer_server.stores.sql import backups

    found = _load_for(context, config, flags)
    with _told(), folder.hold(found.data_dir), folder.hold_database(found.database_file):
        summary = backups.restore(file, found.database_url)
    where = settings.hide_password(found.database) or found.data_dir
    click.echo(f"restored to {where}: {_describe(summary)}")
    _warn(summary)


def _load(config: pathlib.Path | None, flags: Mapping[str, Any]) -> settings.Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return settings.load(given, config)
    except settings.InvalidSettings as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}", err=True)
        sys.exit(2)


def _load_for(
    context: click.Context, config: pathlib.Path | None, flags: Mapping[str, Any]
) -> settings.Settings:
    """Options may stand before the command or behind it."""
    outer = {name: value for name, value in context.obj.items() if name in ("data_dir", "database")}
    inner = {name: value for name, value in flags.items() if value is not None}
    return _load(config or context.obj["config"], {**outer, **inner})


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors that somebody can act on are a line, and the exit status 1."""
    failpoints.enable(os.environ)
    try:
        yield
    except (errors.DomainError, folder.FolderInUse, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _describe(summary: backups.Summary) -> str:
    counts = ((summary.jobs, "job"), (summary.models, "model version"), (summary.blobs, "blob"))
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts]
    return f"{', '.join(parts)}, schema {summary.schema}"


def _warn(summary: backups.Summary) -> None:
    if summary.damaged:
        click.echo(
            f"warning: {len(summary.damaged)} of the blobs were damaged in the database already, so that the checkpoints and "
            f"models which have them cannot be used: {', '.join(summary.damaged)}",
            err=True,
        )


def _run(found: settings.Settings) -> None:
    import uvloop  # a third less of the processor for each small call than asyncio's own loop

    from bessemer_server import app  # the service's libraries, which --help can do without

    try:
        uvloop.run(app.serve(found, click.echo))
    except app.CannotStart as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)

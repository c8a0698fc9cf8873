"""The command line of the service."""

from __future__ import annotations

import asyncio
import pathlib
import sys
from typing import Any

import click

from bessemer_server import settings


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--listen", metavar="HOST:PORT", help="Address for clients.  [default: 127.0.0.1:50051]")
@click.option(
    "--data-dir", type=click.Path(path_type=pathlib.Path), help="Folder for all data.  [default: ~/.bessemer]"
)
@click.option(
    "--database", metavar="URL", help="postgresql://user:password@host/name.  [default: SQLite in --data-dir]"
)
@click.option("--device", metavar="auto|cpu|cuda:0,1", help="Where to train.  [default: auto]")
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
@click.option(
    "--config",
    type=click.Path(path_type=pathlib.Path),
    envvar="BESSEMER_CONFIG",
    help="TOML file with settings.",
)
@click.option("--check", is_flag=True, help="Print the settings and stop.")
@click.version_option(package_name="bessemer")
def main(config: pathlib.Path | None, check: bool, **flags: Any) -> None:
    """Start the Bessemer service: train models and serve them, over gRPC.

    Every option is also read from the environment (BESSEMER_LISTEN, ...) and from the TOML file.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        found = settings.load(given, config)
    except settings.InvalidSettings as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}", err=True)
        sys.exit(2)
    if check:
        for name, value in found.model_dump().items():
            click.echo(f"{name} = {settings.hide_password(value) if name == 'database' else value}")
        return
    _run(found)


def _run(found: settings.Settings) -> None:
    from bessemer_server import app  # the service's libraries, which --help can do without

    try:
        asyncio.run(app.serve(found, click.echo))
    except app.CannotStart as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)

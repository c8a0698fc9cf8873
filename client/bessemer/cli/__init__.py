"""The command line: thin commands over the SDK."""

from __future__ import annotations

import sys

import click

from bessemer import errors
from bessemer.cli import catalog, datasets, jobs, models, train
from bessemer.cli.session import Session


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--server",
    envvar="BESSEMER_SERVER",
    default="localhost:50051",
    show_default=True,
    show_envvar=True,
    help="Address of the service.",
)
@click.option(
    "--token", envvar="BESSEMER_TOKEN", show_envvar=True, help="Token of the service, if it wants one."
)
@click.version_option(package_name="bessemer")
@click.pass_context
def group(context: click.Context, server: str, token: str | None) -> None:
    """Train deep-learning models on a Bessemer service, and ask them."""
    context.obj = context.with_resource(Session(server, token))


for command in (
    train.train,
    catalog.summary,
    catalog.architectures,
    jobs.jobs,
    models.models,
    models.predict,
    datasets.datasets,
):
    group.add_command(command)


def main() -> None:
    """Run the command line; errors become one `error:` line each, never a traceback."""
    try:
        group(prog_name="bessemer")
    except errors.BessemerError as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}", err=True)
        sys.exit(1)

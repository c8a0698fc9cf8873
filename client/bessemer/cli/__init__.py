"""The command line: thin commands over the SDK."""

from __future__ import annotations

import sys

import click

from bessemer import errors
from bessemer.cli import activations, catalog, datasets, jobs, models, sample, train
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
    """Train deep-learning models on a Bessemer service, and ask them.

    \b
    bessemer train mnist_cnn --dataset digits --epochs 5
    bessemer jobs list
    bessemer predict mnist_cnn-digits picture.png
    """  # noqa: D301 - click's mark for lines that stay as they are
    context.obj = context.with_resource(Session(server, token))


for command in (
    train.train,
    catalog.summary,
    catalog.architectures,
    jobs.jobs,
    models.models,
    models.predict,
    sample.sample,
    datasets.datasets,
    activations.activations,
):
    group.add_command(command)


def main() -> None:
    """Run the command line; errors become one `error:` line each, never a traceback."""
    try:
        status = group(prog_name="bessemer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_text:
        help_text.show()
        sys.exit(help_text.exit_code)
    except click.UsageError as error:
        _show_usage(error)
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C
        sys.exit(130)
    except errors.BessemerError as error:
        _show(str(error))
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _show_usage(error: click.UsageError) -> None:
    _show(error.format_message())
    if error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\nTry `{error.ctx.command_path} --help`.", err=True)


def _show(message: str) -> None:
    for line in message.splitlines():
        click.echo(f"error: {line}", err=True)

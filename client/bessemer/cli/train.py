"""`bessemer train`."""

from __future__ import annotations

import click

from bessemer import errors
from bessemer.cli import paths, render
from bessemer.cli.session import Session


@click.command()
@click.argument("architecture")
@click.option("--dataset", "-d", required=True, help="What to train on (bessemer datasets list).")
@click.option("--epochs", "-n", type=int, help="Passes over the training split.")
@click.option("--batch-size", "-b", type=int, help="Samples per step.")
@click.option("--seed", type=int, help="Key of every random draw.")
@click.option("--name", help="The model is published under it.")
@click.option(
    "--set",
    "assignments",
    metavar="PATH=VALUE",
    multiple=True,
    help="Any other setting: options.dropout=0.3, optimizer=sgd, optimizer.learning_rate=0.01.",
)
@click.option("--detach", is_flag=True, help="Print the id and do not wait.")
@click.pass_obj
def train(  # noqa: PLR0917 - click calls it by keyword
    session: Session,
    architecture: str,
    dataset: str,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    name: str | None,
    assignments: tuple[str, ...],
    detach: bool,
) -> None:
    """Submit a training job and show its progress until the end."""
    arguments = paths.parse(assignments)
    flags = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    arguments |= {key: value for key, value in flags.items() if value is not None}
    job = session.client.train(architecture, dataset=dataset, name=name, **arguments)
    if detach:
        click.echo(job.id)
        return
    click.echo(f"job {job.id} ({job.name})", err=True)
    try:
        job.wait()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    click.echo(
        f"model {job.name}@{_version(job.model)}  {render.format_metrics(job.metrics, _is_test)}".rstrip()
    )


def _is_test(name: str) -> bool:
    return name.startswith("test/")


def _version(model: object) -> str:
    if model is None:
        raise errors.BessemerError("the job has succeeded, but names no model")
    return str(getattr(model, "version", ""))

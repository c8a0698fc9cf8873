"""`bessemer sample`."""

from __future__ import annotations

import pathlib

import click

from bessemer import errors, generation, pictures
from bessemer.cli.session import Session


@click.command()
@click.argument("model")
@click.option("-n", "--count", default=16, show_default=True, help="How many pictures, from 1 to 1024.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same pictures.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="File for all of them side by side, e.g. grid.png; without it they are sketched here.",
)
@click.pass_obj
def sample(session: Session, model: str, count: int, seed: int, output: pathlib.Path | None) -> None:
    """Draw pictures from a generator.

    MODEL is NAME, for its newest version, or NAME@VERSION.
    """
    asked = session.client.models.get(model)
    if not generation.is_generator(spec.name for spec in asked.inputs):
        name = f"{asked.name}@{asked.version}"
        raise errors.FailedPrecondition(
            f"{name} makes no pictures, it predicts; ask it with `bessemer predict {name} FILE`"
        )
    found = asked.sample(count, seed=seed)
    if output is None:
        click.echo(pictures.sketch(generation.arrange(found)))
        return
    pictures.save(generation.arrange(found), output)
    click.echo(f"{len(found)} pictures in {output}")

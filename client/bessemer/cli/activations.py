"""`bessemer activations`."""

from __future__ import annotations

import click

from bessemer import activations as curves


@click.command()
@click.argument("names", nargs=-1)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Draw them (.png, .svg, .pdf).")
def activations(names: tuple[str, ...], output: str | None) -> None:
    """Plot activation functions: NAMES, or relu, sigmoid and tanh. Needs no service."""
    shown = names or curves.SHOWN
    click.echo(curves.sketch_activations(shown))
    if output:
        curves.plot_activations(output, shown)
        click.echo(f"\nThe picture is in {output}.")

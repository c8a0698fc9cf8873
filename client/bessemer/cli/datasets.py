"""`bessemer datasets`."""

from __future__ import annotations

import dataclasses

import click

from bessemer.cli import render
from bessemer.cli.session import Session


@click.group()
def datasets() -> None:
    """List and show data sets."""


@datasets.command("list")
@render.as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """All data sets that a job can name."""
    found = session.client.datasets.list()
    if as_json:
        render.print_json(found)
        return
    rows = [
        (
            info.name,
            info.kind,
            "×".join(map(str, info.shape)),
            str(len(info.labels)),
            f"{info.train_samples:,}",
            f"{info.test_samples:,}" if info.test_samples else "split off",
            "yes" if info.bundled else "downloaded",
        )
        for info in found
    ]
    columns = ("NAME", "KIND", "SHAPE", "CLASSES", "SAMPLES", "TEST SAMPLES", "BUNDLED")
    render.print_table(columns, rows, empty="There are no data sets.")


@datasets.command()
@click.argument("name")
@render.as_json
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """Everything about one data set."""
    found = session.client.datasets.get(name)
    if as_json:
        render.print_json(found)
        return
    fields = dataclasses.asdict(found)
    fields["shape"] = "×".join(map(str, found.shape))
    fields["labels"] = ", ".join(found.labels)
    render.print_fields(fields)

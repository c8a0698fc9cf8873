"""`bessemer datasets`."""

from __future__ import annotations

import dataclasses

import click

from bessemer.cli import render
from bessemer.cli.session import Session
from bessemer.datasets import Dataset


@click.group()
def datasets() -> None:
    """List, show, upload and delete data sets."""


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
            "×".join(map(str, info.shape)) or "any length",
            str(len(info.labels)),
            f"{info.train_samples:,}",
            f"{info.test_samples:,}" if info.test_samples else "split off",
            "uploaded" if info.digest else "bundled" if info.bundled else "downloaded",
        )
        for info in found
    ]
    columns = ("NAME", "KIND", "SHAPE", "CLASSES", "SAMPLES", "TEST SAMPLES", "ORIGIN")
    render.print_table(columns, rows, empty="There are no data sets.")


@datasets.command()
@click.argument("name")
@render.as_json
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """Everything about one data set."""
    _print(session.client.datasets.get(name), as_json)


@datasets.command()
@click.argument("name")
@click.argument("source", type=click.Path())
@click.option("--size", type=(int, int), metavar="H W", help="Height and width that pictures are scaled to.")
@click.option(
    "--label", help="Column of a .csv that holds the labels.  [default: label or target, else the last]"
)
@click.option("--labels", help="Names of the classes, with commas between, where the labels are numbers.")
@click.option("--description", default="", help="A few words on it.")
@render.as_json
@click.pass_obj
def upload(
    session: Session,
    name: str,
    source: str,
    *,
    size: tuple[int, int] | None,
    label: str | None,
    labels: str | None,
    description: str,
    as_json: bool,
) -> None:
    """Send a data set of your own, to train on it by NAME.

    SOURCE is a folder, .zip or .tar of class folders that hold pictures or .txt files, below train/ and val/ or test/ if
    you like; a .csv with a header; or a .npz with x and y.
    """
    names = [word.strip() for word in labels.split(",")] if labels else None
    found = session.client.datasets.upload(
        name, source, size=size, label=label, labels=names, description=description
    )
    _print(found, as_json)


@datasets.command()
@click.argument("name")
@click.pass_obj
def delete(session: Session, name: str) -> None:
    """Delete an uploaded data set. Models that were trained on it stay."""
    session.client.datasets.delete(name)
    click.echo(f"deleted {name}")


def _print(found: Dataset, as_json: bool) -> None:
    if as_json:
        render.print_json(found)
        return
    fields = dataclasses.asdict(found)
    fields["shape"] = "×".join(map(str, found.shape)) or "any length"
    fields["labels"] = ", ".join(found.labels)
    fields["size"] = f"{fields.pop('size_bytes'):,} bytes" if found.size_bytes else ""
    render.print_fields(fields)

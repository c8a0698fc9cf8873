"""`bessemer models` and `bessemer predict`."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from bessemer import errors
from bessemer.cli import render
from bessemer.cli.session import Session
from bessemer.models import Model


@click.group()
def models() -> None:
    """List and show published models."""


@models.command("list")
@click.option("--name", help="Every version of this model.")
@render.as_json
@click.pass_obj
def list_(session: Session, name: str | None, as_json: bool) -> None:
    """The newest version of each model."""
    found = list(session.client.models.list(name))
    if as_json:
        render.print_json([describe(model) for model in found])
        return
    rows = [
        (
            f"{model.name}@{model.version}",
            model.architecture,
            model.dataset,
            f"{model.parameters:,}",
            render.format_metrics(model.metrics, lambda name: name == "test/accuracy"),
            render.format_age(model.create_time),
        )
        for model in found
    ]
    columns = ("MODEL", "ARCHITECTURE", "DATASET", "PARAMETERS", "METRICS", "CREATED")
    render.print_table(columns, rows, empty="There are no models yet. A job that succeeds publishes one.")


@models.command()
@click.argument("model")
@render.as_json
@click.pass_obj
def show(session: Session, model: str, as_json: bool) -> None:
    """Everything about one model: NAME or NAME@VERSION."""
    found = session.client.models.get(model)
    fields = describe(found)
    if as_json:
        render.print_json(fields)
        return
    fields["metrics"] = render.format_metrics(found.metrics)
    fields["labels"] = ", ".join(found.labels)
    for side in ("inputs", "outputs"):
        specs = getattr(found, side)
        fields[side] = ", ".join(f"{spec.name} {spec.datatype} {list(spec.shape)}" for spec in specs)
    del fields["spec"]
    render.print_fields(fields)


@click.command()
@click.argument("model")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
)
@render.as_json
@click.pass_obj
def predict(session: Session, model: str, files: tuple[pathlib.Path, ...], as_json: bool) -> None:
    """Ask MODEL (NAME or NAME@VERSION) about pictures, .npy arrays, or rows of .csv files."""
    found = session.client.models.get(model)
    rows = [
        (f"{file.name}[{i}]" if len(predictions) > 1 else file.name, prediction)
        for file in files
        for predictions in [found.predict(_read(file))]
        for i, prediction in enumerate(predictions)
    ]
    if as_json:
        render.print_json([{"input": name, "prediction": prediction} for name, prediction in rows])
        return
    table = [(name, prediction.label, f"{prediction.probability:.4f}") for name, prediction in rows]
    render.print_table(("INPUT", "LABEL", "PROBABILITY"), table, empty="Nothing to predict.")


def _read(file: pathlib.Path) -> Any:
    import numpy as np

    if not file.exists():
        raise errors.BessemerError(f"there is no file {file}")
    try:
        if file.suffix == ".npy":
            return np.load(file, allow_pickle=False)
        if file.suffix == ".csv":
            return np.loadtxt(file, delimiter=",", ndmin=2)
    except ValueError as error:
        raise errors.BessemerError(f"{file} cannot be read as numbers: {error}") from None
    return file


def describe(model: Model) -> dict[str, object]:
    """The model's fields, for JSON."""
    return {
        "name": model.name,
        "version": model.version,
        "job": model.job_id,
        "architecture": model.architecture,
        "dataset": model.dataset,
        "parameters": model.parameters,
        "metrics": model.metrics,
        "labels": model.labels,
        "inputs": model.inputs,
        "outputs": model.outputs,
        "spec": model.spec,
        "created": model.create_time.isoformat(timespec="seconds"),
    }

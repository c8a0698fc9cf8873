"""`bessemer models` and `bessemer predict`."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from bessemer import _calls, confusion, errors, exports, generation, predictions
from bessemer.cli import paths, render, samples
from bessemer.cli.session import Session
from bessemer.model_record import Prediction, TensorSpec
from bessemer.models import Model


@click.group()
def models() -> None:
    """List, name, export, upload, measure and delete published models."""


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
            ", ".join(model.aliases),
            model.architecture,
            model.dataset,
            f"{model.parameters:,}",
            render.format_accuracy(model.metrics),
            render.format_age(model.create_time),
        )
        for model in found
    ]
    columns = ("MODEL", "ALIASES", "ARCHITECTURE", "DATASET", "PARAMETERS", "ACCURACY", "AGE")
    nothing = "There are no models yet. A job that succeeds publishes one."
    render.print_table(columns, rows, empty=f"There is no model {name!r}." if name else nothing)


@models.command()
@click.argument("model")
@render.as_json
@click.pass_obj
def show(session: Session, model: str, as_json: bool) -> None:
    """Everything about one model: NAME, NAME@VERSION or NAME@ALIAS."""
    found = session.client.models.get(model)
    if as_json:
        render.print_json(describe(found))
        return
    render.print_fields(
        describe(found)
        | {
            "parameters": f"{found.parameters:,}",
            "metrics": render.list_metrics(found.metrics),
            "labels": ", ".join(found.labels),
            "inputs": [_format_tensor(spec) for spec in found.inputs],
            "outputs": [_format_tensor(spec) for spec in found.outputs],
            "spec": paths.flatten(found.spec),
        }
    )


@models.command()
@click.argument("model")
@click.argument("alias")
@click.option("--remove", is_flag=True, help="Take the alias away.")
@click.option(
    "--share",
    "shares",
    metavar="VERSION=PART",
    multiple=True,
    help="A version's part of the requests; repeat it for each.",
)
@click.pass_obj
def alias(session: Session, *, model: str, alias: str, remove: bool, shares: tuple[str, ...]) -> None:
    r"""Give a version an ALIAS, or move it: MODEL is NAME, for its newest version, or NAME@VERSION.

    \b
    bessemer models alias digits-cnn@3 champion
    bessemer models alias digits-cnn champion --share 3=90 --share 4=10
    bessemer models alias digits-cnn champion --remove
    """
    name, version = _calls.parse_reference(model)
    if [bool(remove), bool(shares), bool(version)].count(True) > 1:
        raise click.UsageError("Give either NAME@VERSION, or --share, or --remove.")
    if remove:
        session.client.models.delete_alias(name, alias)
        click.echo(f"{name} has no alias {alias}")
        return
    if not shares:
        found = session.client.models.get(model)
        found.alias(alias)
        click.echo(f"{name}@{alias} is {name}@{found.version}")
        return
    session.client.models.set_alias(name, alias, _parse_shares(shares))
    click.echo(f"{name}@{alias} is shared: {', '.join(shares)}")


def _parse_shares(texts: tuple[str, ...]) -> dict[str | int, int]:
    found: dict[str | int, int] = {}
    for text in texts:
        version, part = _parse_share(text)
        if version in found:
            raise click.UsageError(f"--share names version {version} twice; give each its part once.")
        found[version] = part
    return found


def _parse_share(text: str) -> tuple[str, int]:
    version, _, part = text.partition("=")
    if not (version and part.isdecimal()):
        raise click.UsageError(
            f"--share takes VERSION=PART with a whole number, e.g. 3=90, but got {text!r}."
        )
    return version, int(part)


@models.command()
@click.argument("model")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(session: Session, model: str, *, yes: bool) -> None:
    """Delete NAME@VERSION, or with NAME every version of a model."""
    if "@" not in model and not yes:
        click.confirm(f"Delete every version of {model}?", abort=True)
    for version in session.client.models.delete(model):
        click.echo(f"deleted {model.partition('@')[0]}@{version}")


@models.command()
@click.argument("model")
@click.argument("path", type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.pass_obj
def export(session: Session, model: str, path: pathlib.Path) -> None:
    """Write a model to PATH, which ends in .safetensors (weights) or .onnx (a program)."""
    found = session.client.models.get(model)
    found.export(path)
    click.echo(f"wrote {found.name}@{found.version} to {path} ({path.stat().st_size:,} bytes)")


@models.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=pathlib.Path))
@click.option(
    "--like", help="A model with the same network, for weights that were not exported by a service."
)
@click.pass_obj
def upload(session: Session, name: str, path: pathlib.Path, like: str | None) -> None:
    """Publish the .safetensors file PATH as the next version of NAME."""
    made = session.client.models.upload(name, path, like=like)
    click.echo(f"published {made.name}@{made.version} ({made.parameters:,} parameters)")


@models.command()
@click.argument("model")
@click.option("-d", "--dataset", help="Another data set with the same classes.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Its part, divided as for the model's job.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Draw the confusion matrix (.png, .svg, .pdf)."
)
@render.as_json
@click.pass_obj
def evaluate(
    session: Session, *, model: str, dataset: str | None, split: str, output: str | None, as_json: bool
) -> None:
    """Measure a model: NAME, NAME@VERSION or NAME@ALIAS."""
    target = session.client.models.get(model)
    found = target.evaluate(dataset, split=split)
    if output:
        confusion.draw(
            found, title=f"{target.name}@{target.version} on {found.dataset} ({split})", path=output
        )
    if as_json:
        render.print_json(found)
        return
    click.echo(found)
    click.echo()
    click.echo(confusion.sketch(found))
    if output:
        click.echo(f"\nThe confusion matrix is in {output}.")


def _format_tensor(spec: TensorSpec) -> str:
    return f"{spec.name} {spec.datatype} {list(spec.shape)}"


@click.command()
@click.argument("model")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
)
@click.option("--text", "-t", "texts", multiple=True, help="A text for a text model; may be repeated.")
@click.option("--dataset", "-d", help="Predict every sample of a data set, as a job, in place of files.")
@click.option("--split", help="Of the data set: train, validation, test or all, the default.")
@click.option("--batch-size", type=int, help="Of the data set: samples at a time, 256 by default.")
@click.option("--detach", is_flag=True, help="Print the job's id and do not wait.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="File for the predictions of a data set (.csv, .npz); without it CSV is printed.",
)
@render.as_json
@click.pass_obj
def predict(
    session: Session,
    /,
    *,
    model: str,
    files: tuple[pathlib.Path, ...],
    texts: tuple[str, ...],
    dataset: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Ask a model about files, about texts, or about a data set.

    MODEL is NAME, for its newest version, NAME@VERSION or NAME@ALIAS. Each FILE is a picture of the model's size, an array of
    samples (.npy), a table with a sample on each line (.csv, without a header), or texts, one on each line (.txt).
    """
    if dataset:
        if files or texts or as_json:
            raise click.UsageError("--dataset goes without FILE, --text and --json.")
        _predict_dataset(session.client.models.get(model), dataset, **settings)
        return
    if given := [f"--{name.replace('_', '-')}" for name, value in settings.items() if value]:
        raise click.UsageError(f"{given[0]} goes with --dataset.")
    if not files and not texts:
        raise click.UsageError("Missing argument 'FILE...' (or --text, or --dataset).")
    found = session.client.models.get(model)
    _check_predicts(found)
    rows = list(zip(texts, found.predict(texts), strict=True)) if texts else []
    rows += [
        (f"{file.name}[{i}]" if len(predictions) > 1 else file.name, prediction)
        for file in files
        for predictions in [_predict(found, file)]
        for i, prediction in enumerate(predictions)
    ]
    if as_json:
        render.print_json([{"input": name, "prediction": prediction} for name, prediction in rows])
        return
    table = [(name, prediction.label, f"{prediction.probability:.4f}") for name, prediction in rows]
    render.print_table(("INPUT", "LABEL", "PROBABILITY"), table, empty="Nothing to predict.")


def _predict_dataset(
    model: Model,
    dataset: str,
    *,
    split: str | None,
    batch_size: int | None,
    detach: bool,
    output: pathlib.Path | None,
) -> None:
    if output is not None:
        exports.check_path(output, tuple(predictions.WRITERS))
    job = model.predict_dataset(dataset, split=split or "all", batch_size=batch_size)
    if detach:
        click.echo(job.id)
        return
    click.echo(f"job {job.id} ({job.name})", err=True)
    render.write_predictions(job.wait(), output)


def _check_predicts(model: Model) -> None:
    if generation.is_generator(spec.name for spec in model.inputs):
        name = f"{model.name}@{model.version}"
        raise errors.FailedPrecondition(
            f"{name} makes pictures and predicts nothing; draw some with `bessemer sample {name}`"
        )


def _predict(model: Model, file: pathlib.Path) -> list[Prediction]:
    try:
        return model.predict(samples.read(file))
    except errors.InvalidArgument as error:
        if str(file) in str(error):
            raise
        named = tuple(errors.Violation(str(file), violation.description) for violation in error.violations)
        raise errors.InvalidArgument(str(error), named) from None


def describe(model: Model) -> dict[str, object]:
    """The model's fields, for JSON."""
    return {
        "name": model.name,
        "version": model.version,
        "aliases": model.aliases,
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

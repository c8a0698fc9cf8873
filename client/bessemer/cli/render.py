"""Tables for people and JSON for programs."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from bessemer import progress

if TYPE_CHECKING:
    import pathlib

    from rich.console import Console

    from bessemer.jobs import Job

UNBOUNDED = 10_000
"""Width where no terminal is: a program that reads a table wants one line for each row."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def print_json(value: Any) -> None:
    """Indented JSON on standard output; numbers that JSON cannot hold become null."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table as wide as its content needs, folded to the terminal's width where there is one."""
    from rich.table import Table

    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = _open_console()
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_text(text: str) -> None:
    """A paragraph, broken between words at the terminal's width."""
    _open_console().print(text)


def _open_console() -> Console:
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else UNBOUNDED, highlight=False, markup=False, emoji=False
    )


def print_fields(fields: Mapping[str, Any]) -> None:
    """Name and value, a line each, and a line for each item of a list; empty values are left out."""
    shown = {
        name.replace("_", " "): value for name, value in fields.items() if value not in (None, "", {}, (), [])
    }
    width = max(map(len, shown))
    for name, value in shown.items():
        first, *rest = value if isinstance(value, list) else [value]
        click.echo(f"{name:<{width}}  {first}")
        for item in rest:
            click.echo(f"{'':<{width}}  {item}")


def print_end(job: Job) -> None:
    """The last line about a job that has SUCCEEDED: its model, and how good it is; or where its predictions are."""
    if job.kind == "prediction":
        click.echo(f"predictions  bessemer jobs predictions {job.id}")
        return
    tested = {name: value for name, value in job.metrics.items() if name.startswith("test/")}
    click.echo(f"model {job.model_reference}  {', '.join(list_metrics(tested))}".rstrip())


def write_predictions(job: Job, output: pathlib.Path | None) -> None:
    """What a job has predicted, to a file or to standard output."""
    if output is None:
        job.export_predictions(sys.stdout.buffer)
    else:
        job.export_predictions(output)
        click.echo(f"wrote {output}")


def list_metrics(metrics: Mapping[str, float]) -> list[str]:
    """`val/accuracy 0.9750` for each, by name."""
    return [f"{name} {progress.format_value(value)}" for name, value in sorted(metrics.items())]


def format_accuracy(metrics: Mapping[str, float]) -> str:
    """`0.9750 test`: the accuracy that says most, of the test, or else of validation, or of training."""
    for split in ("test", "val", "train"):
        if f"{split}/accuracy" in metrics:
            return f"{progress.format_value(metrics[f'{split}/accuracy'])} {split}"
    return ""


def format_size(size_bytes: int) -> str:
    """In one unit: `1.4 MB`."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= length:
            return f"{size_bytes / length:.1f} {unit}"
    return f"{size_bytes} B"


def format_age(time: datetime.datetime) -> str:
    """How long ago, in one unit: `3 min`."""
    seconds = (datetime.datetime.now(datetime.UTC) - time).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"

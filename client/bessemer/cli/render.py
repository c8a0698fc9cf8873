"""Tables for people and JSON for programs."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def print_json(value: Any) -> None:
    """Indented JSON on standard output."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table as wide as its content needs, cut to the terminal's width where there is one."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """Name and value, a line each; empty values are left out."""
    width = max(map(len, fields))
    for name, value in fields.items():
        if value not in (None, "", {}, ()):
            click.echo(f"{name:<{width}}  {value}")


def format_age(time: datetime.datetime) -> str:
    """How long ago, in one unit."""
    seconds = (datetime.datetime.now(datetime.UTC) - time).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def format_metrics(metrics: Mapping[str, float], wanted: Callable[[str], bool] = lambda _name: True) -> str:
    """`val/accuracy 0.975, val/loss 0.08`."""
    return ", ".join(f"{name} {value:.4f}" for name, value in sorted(metrics.items()) if wanted(name))

"""Figures as a table on the terminal, and as JSON and Markdown for those who read them later."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence

import rich.console
import rich.table

from benchmarks.measurements import HEADINGS, Figure


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = rich.table.Table(*HEADINGS)
    for figure in figures:
        table.add_row(*figure.cells())
    # A log has no width, and a table in columns of ten letters cannot be read.
    console = rich.console.Console()
    console.width = max(console.width, 110)
    console.print(table)


def write(folder: pathlib.Path, machine: Mapping[str, str], figures: Sequence[Figure]) -> pathlib.Path:
    """Write `<date>-<commit>.json` and `.md` into the folder; returns the second."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{machine['date']}-{machine['commit']}.md"
    page.write_text(to_markdown(machine, figures), encoding="utf-8")
    page.with_suffix(".json").write_text(to_json(machine, figures), encoding="utf-8")
    return page


def to_json(machine: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """Everything, with the value of each run."""
    entries = [
        {"name": f.name, "unit": f.unit, "median": f.median, "aim": f.aim, "values": list(f.values)}
        for f in figures
    ]
    return json.dumps({"machine": dict(machine), "figures": entries}, indent=2) + "\n"


def to_markdown(machine: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The table, and below it where it comes from."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(figure.cells() for figure in figures)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    origin = "\n".join(f"- {key}: {value}" for key, value in machine.items())
    return f"# Figures\n\n{table}\n\n## Where they come from\n\n{origin}\n"

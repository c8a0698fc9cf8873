"""Measures what was promised: `make bench`, or `make bench ARGS="start imports --runs 5"` for some figures.

The machine should have nothing else to do. Where an aim is missed the table says so; the command itself does not fail.
"""

from __future__ import annotations

import argparse

from benchmarks import machine, report
from benchmarks.figures import checkpoint, imports, memory, queue, start, submit, tax
from benchmarks.measurements import Figure, Measure

FIGURES: dict[str, Measure] = {
    "imports": imports.measure,
    "start": start.measure,
    "memory": memory.measure,
    "submit": submit.measure,
    "queue": queue.measure,
    "tax": tax.measure,
    "checkpoint": checkpoint.measure,
}


def main() -> None:
    """Measure what was asked for, show it, and keep it when all was measured."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help=f"some of {', '.join(FIGURES)}; default: all"
    )
    parser.add_argument("--runs", type=int, default=7, help="runs of each (default: %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.figures) - FIGURES.keys():
        parser.error(f"there is no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")

    figures: list[Figure] = []
    for name in arguments.figures or FIGURES:
        print(f"measuring {name} ...", flush=True)
        figures += FIGURES[name](arguments.runs)
    report.show(figures)
    if not arguments.figures:
        page = report.write(machine.ROOT / "benchmarks" / "results", machine.describe(), figures)
        print(f"written: {page.relative_to(machine.ROOT)} and .json")


if __name__ == "__main__":
    main()

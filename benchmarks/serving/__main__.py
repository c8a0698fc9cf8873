"""Predictions under load: ours, an empty handler of grpc.aio, and the servers of others.

`python -m benchmarks.serving` measures the first two with the seed's MNIST CNN, `--workload` another network, `--rivals all` (or names)
every one. Needs h2load (Debian: nghttp2-client), and for the
rivals `uv`, Java for TorchServe, and some 10 GB for their environments. The machine should have nothing else to do; what counts are
ratios within one run: each rival runs in turns with ours, both started, one of them asked.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import machine
from benchmarks.serving import load, report, systems, turns, workloads
from benchmarks.serving.rivals import environments, running, table

RESULTS = machine.ROOT / "benchmarks" / "results"
PAGES = {name: f"serving-{name}.md" for name in workloads.WORKLOADS} | {
    workloads.MNIST_CNN.name: "serving.md"
}


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> report.Page:
    """Ours beside each of the others."""
    workload = workloads.WORKLOADS[arguments.workload]
    page = report.Page(workload.about)
    plan = turns.Plan(arguments.clients, arguments.rounds, arguments.seconds)
    with systems.start_bessemer(workload, folder) as (ours, published):
        with systems.start_floor(workload) as floor:
            page.add(ours, floor, turns.take(plan, ours, floor))
        for rival in _choose(arguments.rivals):
            for engine in arguments.engines:
                name = f"{rival.name}, {engine}"
                print(name, file=sys.stderr, flush=True)
                try:
                    python = environments.find(rival, arguments.environments)
                    with running.start(rival, engine, python, published) as other:
                        page.add(ours, other, turns.take(plan, ours, other))
                except (running.NotMeasured, load.LoadFailed, subprocess.CalledProcessError) as error:
                    page.miss(name, str(error))
    return page


def _choose(names: list[str]) -> list[table.Rival]:
    if names == ["all"]:
        return list(table.RIVALS)
    known = {rival.name.split()[0].lower(): rival for rival in table.RIVALS}
    return [known[name.lower()] for name in names]


def _describe(arguments: argparse.Namespace) -> str:
    """The command that repeats this run: what says where files lie is left out."""
    names = ("workload", "clients", "rounds", "seconds", "rivals", "engines")
    said = {name: getattr(arguments, name) for name in names}
    parts = (
        f"--{name} {' '.join(map(str, value if isinstance(value, list) else [value]))}"
        for name, value in said.items()
    )
    return " ".join(["python -m benchmarks.serving", *parts])


def main() -> None:
    """Measure, show, and write the workload's page in benchmarks/results/."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--workload", choices=workloads.WORKLOADS, default=workloads.MNIST_CNN.name)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (default: %(default)s)")
    parser.add_argument("--rivals", nargs="*", default=[], help="all, or names: pytriton, mlserver, ray, ...")
    parser.add_argument("--engines", nargs="*", choices=table.ENGINES, default=list(table.ENGINES))
    parser.add_argument("--environments", type=pathlib.Path, default=environments.DEFAULT)
    parser.add_argument("--output", type=pathlib.Path, help="the page (default: the workload's own)")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bessemer-bench-")))
        page = measure(arguments, folder)
    text = page.render(_describe(arguments))
    print(text)
    (arguments.output or RESULTS / PAGES[arguments.workload]).write_text(text)


if __name__ == "__main__":
    main()

"""Predictions with the seed's MNIST CNN under load, beside an empty handler of grpc.aio, in turns: `python -m benchmarks.serving`.

Needs h2load (Debian: nghttp2-client). The machine should have nothing else to do; what counts are ratios within one run.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics

from benchmarks import machine
from benchmarks.serving import load, systems

COMMAND = {"command": "python -m benchmarks.serving"}
RESULTS = machine.ROOT / "benchmarks" / "results"
Runs = dict[tuple[int, str], list[load.Sample]]
"""By clients and system."""


def measure(clients: list[int], rounds: int, seconds: float) -> Runs:
    """Each system at each load, in turns, so that what else the machine does hits all."""
    runs: Runs = {}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(start()) for start in (systems.start_bessemer, systems.start_floor)]
        for _ in range(rounds):
            for count in clients:
                for system in running:
                    sample = load.run(system.address, system.pid, system.body, clients=count, seconds=seconds)
                    runs.setdefault((count, system.name), []).append(sample)
    return runs


def show(runs: Runs) -> str:
    """A table in Markdown: medians over the rounds, and the spread of requests per second."""
    lines = [
        "| clients | | requests/s | lowest to highest | p50 ms | p99 ms | server CPU-ms per request | memory MiB |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (clients, name), samples in runs.items():
        rates = [sample.requests_per_second for sample in samples]
        cells = [
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f} to {max(rates):,.0f}",
            f"{statistics.median(sample.p50_ms for sample in samples):.2f}",
            f"{statistics.median(sample.p99_ms for sample in samples):.2f}",
            f"{statistics.median(sample.cpu_ms for sample in samples):.3f}",
            f"{statistics.median(sample.memory_mib for sample in samples):,.0f}",
        ]
        lines.append(f"| {clients} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, show, and write benchmarks/results/serving.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    runs = measure(arguments.clients, arguments.rounds, arguments.seconds)
    table = show(runs)
    print(table)
    origin = "\n".join(f"- {key}: {value}" for key, value in (machine.describe() | COMMAND).items())
    page = f"# Predictions under load\n\nMNIST CNN of the seed, one picture per request.\n\n{table}\n\n{origin}\n"
    RESULTS.joinpath("serving.md").write_text(page)


if __name__ == "__main__":
    main()

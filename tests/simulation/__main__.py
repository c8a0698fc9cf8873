"""`python -m tests.simulation --seed 7` tells the story of a seed; `--seeds 10000` runs many and shows what fails."""

from __future__ import annotations

import argparse
import time

from tests.simulation import many, world


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        report = world.simulate(arguments.seed, print)
        print(report if report.breach else f"seed {report.seed}: the contract held ({report.digest:08x})")
        return
    started = time.perf_counter()
    reports = many.simulate(range(arguments.first, arguments.first + arguments.seeds))
    for report in reports:
        if report.breach:
            print(report)
    broken = sum(bool(report.breach) for report in reports)
    writes, events = sum(report.writes for report in reports), sum(report.events for report in reports)
    print(
        f"{len(reports)} seeds in {time.perf_counter() - started:.1f} s: {broken} broken; {writes:,} writes, {events:,} events"
    )


if __name__ == "__main__":
    main()

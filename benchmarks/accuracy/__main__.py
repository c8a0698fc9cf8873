"""Trains the jobs whose accuracy is promised, each with several seeds, through a service of its own, and writes the table.

The data lies below --dataset-dir in torchvision's layouts; what is not there is downloaded where a network is.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

import bessemer
from benchmarks import machine
from benchmarks.accuracy.cases import CASES, Case

RESULTS = machine.ROOT / "benchmarks" / "results" / "accuracy.json"
PAGE = machine.ROOT / "docs" / "accuracy.md"


def main() -> None:
    """Measure what was asked for and is not known; other results stay in the table."""
    arguments = _parse_arguments()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with bessemer.local(dataset_dir=arguments.dataset_dir) as client:
        for case in CASES:
            if arguments.cases and case.name not in arguments.cases:
                continue
            if case.folder:
                client.datasets.upload(case.dataset, arguments.dataset_dir / case.folder)
            known = {} if arguments.again else results.get(case.name, {})
            for found in _measure(client, case, arguments.seeds, known):
                results[case.name] = found
                RESULTS.write_text(json.dumps(results, indent=2) + "\n")
                PAGE.write_text(_to_markdown(results))
    print(_to_markdown(results))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make accuracy", description=__doc__)
    names = ", ".join(case.name for case in CASES)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of {names}; default: all")
    parser.add_argument("--dataset-dir", type=pathlib.Path, help="where data sets lie")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="measure known seeds again")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - {case.name for case in CASES}:
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {names}")
    return arguments


def _measure(
    client: bessemer.Client, case: Case, seeds: int, known: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What is known after each seed; with the same settings, seeds that were measured before are not again."""
    settings = json.loads(json.dumps(case.settings))
    found = known if known.get("settings") == settings else {"accuracies": [], "seconds": []}
    found |= {"aim": case.aim, "settings": settings}
    for seed in range(len(found["accuracies"]), seeds):
        start = time.perf_counter()
        job = client.train(case.architecture, dataset=case.dataset, seed=seed, **case.settings)
        job.wait(progress=False)
        found["seconds"].append(round(time.perf_counter() - start, 1))
        value, more = case.measure(client, job)
        found["accuracies"].append(round(value, 4))
        found["commit"] = machine.commit()
        print(f"{case.name} seed {seed}: {value:.4f} in {found['seconds'][-1]} s {more}", flush=True)
        yield found


def _to_markdown(results: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {found['aim']} | {statistics.median(found['accuracies']):.4g} | "
        f"{', '.join(map(str, found['accuracies']))} | {'yes' if min(found['accuracies']) >= found['aim'] else '**no**'} "
        f"| {statistics.median(found['seconds']):g} | `{json.dumps(found['settings'])}` |"
        for name, found in results.items()
    ]
    return "\n".join(
        [
            "# Accuracy on real data",
            "",
            "Test accuracy of jobs that went through the service, one column entry for each seed from 0 on; written by",
            '`make accuracy ARGS="--dataset-dir DIR"`. Seconds are from submit to end, on two cores of a shared machine, some',
            "of them beside other work. For `dcgan` it is the share of 1,000 pictures of which a classifier that was trained",
            "on the same data is confident (p > 0.9).",
            "",
            "| job | aim | median | each seed | all reach it | seconds | settings |",
            "|---|--:|--:|---|---|--:|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()

"""A script: trains one specification without any service, and prints the seconds that it took.

python -m benchmarks.figures.bare_loop '{"architecture": ...}'
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence

import torch

from bessemer_server.domain import jobs, metrics
from bessemer_server.training import loop, planning, preload


class Forgetful:
    """An observer that keeps nothing."""

    def record(self, points: Sequence[metrics.Metric]) -> None:
        """Forget."""

    def progress(self, progress: jobs.Progress) -> None:
        """Forget."""

    is_saving = False

    def pictures(self, drawn: object) -> None:
        """Nothing."""

    def checkpoint(self, snapshot: loop.Snapshot) -> None:
        """Forget."""

    def command(self) -> jobs.Command:
        """Go on."""
        return jobs.Command.CONTINUE


def main() -> None:
    """Import everything, then look at the clock and train."""
    preload.preload()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads)  # as many as the service gives to its only slot
    spec = planning.plan(json.loads(sys.argv[1])).effective_spec
    with tempfile.TemporaryDirectory() as cache:
        environment = loop.Environment("cpu", threads, dataset_dir=None, cache_dir=pathlib.Path(cache))
        started = time.perf_counter()
        loop.run(spec, environment, Forgetful())
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main()

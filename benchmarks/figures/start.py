"""From the start of the command to the first answered call: on an empty data folder, migrations included, and on one
that an earlier server has left.
"""

from __future__ import annotations

import tempfile
import time

from benchmarks import services
from benchmarks.measurements import Figure


def measure(runs: int) -> list[Figure]:
    """Start a service for each run. The first, which reads the files from disk, does not count."""
    empty, known = [], []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory(prefix="bessemer-bench-") as folder:
            empty.append(_start_once(folder))
            known.append(_start_once(folder))
    return [
        Figure("server start to first answered call, empty folder", "s", empty[1:], aim=1.5),
        Figure("server start to first answered call, known folder", "s", known[1:], aim=1.5),
    ]


def _start_once(folder: str) -> float:
    with services.start_on(folder) as service:
        service.list_jobs()
        return time.perf_counter() - service.spawned

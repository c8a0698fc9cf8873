"""From the start of the command to the first answered call, on an empty data folder: migrations included."""

from __future__ import annotations

import time

from benchmarks import services
from benchmarks.measurements import Figure


def measure(runs: int) -> list[Figure]:
    """Start a service for each run. The first, which reads the files from disk, does not count."""
    values = [_start_once() for _ in range(runs + 1)][1:]
    return [Figure("server start to first answered call", "s", values, aim=1.5)]


def _start_once() -> float:
    with services.start() as service:
        service.list_jobs()
        return time.perf_counter() - service.spawned

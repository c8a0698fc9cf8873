"""Many seeds at once, one process for each CPU."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable

from tests.simulation import world


def simulate(seeds: Iterable[int]) -> list[world.Report]:
    """The report of each seed, in order."""
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        return pool.map(world.simulate, seeds, chunksize=20)

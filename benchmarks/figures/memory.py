"""Memory of an idle service, and of the processes that it forks.

Resident memory counts the pages that a process shares with the fork server; what it has alone is given beside it.
"""

from __future__ import annotations

import os
from collections import defaultdict

import psutil

from benchmarks import services
from benchmarks.measurements import Figure

MEBIBYTE = 2**20
MODEL = "bench-memory"
SPEC = {"architecture": "mlp", "dataset": "iris", "epochs": 1, "seed": 1}
HELPERS = ("planner", "predictor")
"""In the order in which they are forked."""


def measure(runs: int) -> list[Figure]:
    """Start a service for each run; look at it when it is idle, and at its children when each has worked once."""
    resident, alone = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for _ in range(runs):
        with services.start() as service:
            service.warm_up()
            service.list_jobs()
            found = {"server": psutil.Process(service.pid).memory_full_info()}
            list(service.watch(service.submit(SPEC, MODEL)))
            service.load(MODEL)
            found |= {role: process.memory_full_info() for role, process in _children(service.pid).items()}
        for role, memory in found.items():
            resident[role].append(memory.rss / MEBIBYTE)
            alone[role].append(memory.uss / MEBIBYTE)
    figures = []
    for role in resident:
        name = f"{'idle ' if role == 'server' else ''}{role}: resident memory"
        figures.append(Figure(name, "MiB", resident[role], aim=150 if role == "server" else None))
        figures.append(Figure(f"{' ' * 4}of that its own", "MiB", alone[role]))
    return figures


def _children(pid: int) -> dict[str, psutil.Process]:
    """The fork server and its helpers, by role, once the trainer has gone."""
    (fork_server,) = (
        child for child in psutil.Process(pid).children() if "forkserver" in " ".join(child.cmdline())
    )
    # A trainer leads a session of its own; the one that trained the model is about to end.
    psutil.wait_procs(
        [child for child in fork_server.children() if os.getsid(child.pid) == child.pid], timeout=30
    )
    helpers = sorted(fork_server.children(), key=lambda child: child.create_time())
    return {"fork server": fork_server, **dict(zip(HELPERS, helpers, strict=True))}

"""Resident memory of an idle service and of the processes that it forked.

The memory of a process counts pages that it shares with the fork server; what it has alone is given beside it.
"""

from __future__ import annotations

import collections

import psutil

from benchmarks import services
from benchmarks.measurements import Figure

MEBIBYTE = 2**20
FORK_SERVER = "multiprocessing.forkserver"
TRACKER = "multiprocessing.resource_tracker"


def measure(runs: int) -> list[Figure]:
    """Start a service for each run, wait until its planner has answered, and look at every process of it."""
    resident = collections.defaultdict[str, list[float]](list)
    alone = collections.defaultdict[str, list[float]](list)
    for _ in range(runs):
        with services.start() as service:
            service.warm_up()
            service.list_jobs()
            for role, process in _processes(service.pid):
                memory = process.memory_full_info()
                resident[role].append(memory.rss / MEBIBYTE)
                alone[role].append(memory.uss / MEBIBYTE)
    return [
        *(
            Figure(f"memory of the idle {role}", "MiB", values, aim=150 if role == "server" else None)
            for role, values in resident.items()
        ),
        *(Figure(f"of that, the {role}'s own", "MiB", values) for role, values in alone.items()),
    ]


def _processes(pid: int) -> list[tuple[str, psutil.Process]]:
    server = psutil.Process(pid)
    found = [("server", server)]
    for child in server.children(recursive=True):
        command = " ".join(child.cmdline())
        if TRACKER in command:
            continue
        # What is forked has the command line of the fork server.
        is_fork_server = FORK_SERVER in command and child.ppid() == pid
        found.append(("fork server" if is_fork_server else "forked helper", child))
    return found

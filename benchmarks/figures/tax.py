"""What the service adds to a job: its wall time from submit to success, against the same loop run by itself.

Bare is a process that has torch imported and then calls the training loop with an observer that forgets what it is told:
no store, no checkpoints written, no publishing. It has the allocator and threading settings of the service's trainers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from benchmarks import services
from benchmarks.measurements import Figure
from bessemer.v1 import jobs_pb2
from bessemer_server.executors import forkserver

SPEC = {"architecture": "mnist_cnn", "dataset": "digits", "epochs": 5, "batch_size": 64, "seed": 7}


def measure(runs: int) -> list[Figure]:
    """Run the job in the service and by itself in turn, so that a slow minute of the machine meets both."""
    inside, bare = [], []
    with services.start() as service:
        service.warm_up()
        _run_inside(service)
        for _ in range(runs):
            inside.append(_run_inside(service))
            bare.append(_run_bare())
    added = [with_service - without for with_service, without in zip(inside, bare, strict=True)]
    return [
        Figure("5 epochs of digits in the service", "s", inside),
        Figure("the same loop by itself", "s", bare),
        Figure("what the service adds", "s", added, aim=0.5),
    ]


def _run_inside(service: services.Service) -> float:
    submitted = time.perf_counter()
    job_id = service.submit(SPEC, "bench-tax")
    events = list(service.watch(job_id))
    taken = time.perf_counter() - submitted
    if events[-1].state_changed.state != jobs_pb2.Job.SUCCEEDED:
        raise RuntimeError(f"job {job_id} did not succeed: {events[-1]}")
    return taken


def _run_bare() -> float:
    command = [sys.executable, "-m", "benchmarks.figures.bare_loop", json.dumps(SPEC)]
    environment = {**forkserver.ALLOCATOR, **forkserver.THREADING, **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return float(done.stdout)

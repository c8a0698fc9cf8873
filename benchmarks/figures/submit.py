"""From a submit to the job's first training step, with a fork server that has torch already."""

from __future__ import annotations

import time

from benchmarks import services
from benchmarks.measurements import Figure
from bessemer.v1 import jobs_pb2

SPEC = {"architecture": "mnist_cnn", "dataset": "digits", "epochs": 1, "batch_size": 64, "seed": 1}


def measure(runs: int) -> list[Figure]:
    """Submit jobs one after the other to one service. The first does not count."""
    accepted, running, stepped = [], [], []
    with services.start() as service:
        service.warm_up()
        for number in range(runs + 1):
            times = _submit_once(service)
            if number:
                accepted.append(times[0])
                running.append(times[1])
                stepped.append(times[2])
    return [
        Figure("submit to accepted", "s", accepted),
        Figure("submit to RUNNING, as a watcher sees it", "s", running),
        Figure("submit to first training step, as a watcher sees it", "s", stepped, aim=0.3),
    ]


def _submit_once(service: services.Service) -> tuple[float, float, float]:
    """Seconds until the submit returned, until RUNNING was seen, and until the first step was."""
    submitted = time.perf_counter()
    job_id = service.submit(SPEC, "bench-submit")
    accepted = time.perf_counter() - submitted
    running = stepped = 0.0
    for event in service.watch(job_id):
        now = time.perf_counter() - submitted
        if not running and event.state_changed.state == jobs_pb2.Job.RUNNING:
            running = now
        if not stepped and event.progressed.progress.step:
            stepped = now
    if not running or not stepped:
        raise RuntimeError(f"job {job_id} ended without a step: {event}")
    return accepted, running, stepped

"""Ten thousand jobs that wait: how long a submit and a page of the list take then, and whether all stand in order.

One slot, which a job holds that stands still: nothing but the queue is measured.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent import futures

import psutil

import bessemer
from benchmarks import services
from benchmarks.measurements import Figure

JOBS = 10_000
CLIENTS = 4
PAGES = 100
PRIORITIES = (0, 0, 0, 10, -10)
FLAGS = ("--device", "cpu", "--slots", "1", "--lease-seconds", "1000000")


def measure(runs: int, count: int = JOBS) -> list[Figure]:
    """Submit, list and read `count` jobs through the SDK. One run, whatever `runs` says: its values are the calls."""
    with services.start(*FLAGS) as service:
        service.warm_up()
        with bessemer.connect(service.address) as client:
            blocker = _block(service, client)
            submits = _submit_all(service.address, count)
            pages = [_time(lambda: next(client.jobs.list(state="QUEUED", limit=50))) for _ in range(PAGES)]
            wrong = _count_misplaced(client, blocker.id)
            memory_mib = psutil.Process(service.pid).memory_info().rss / 2**20
            _end(service)
    return [
        Figure(f"submit, p99 of {count} that all wait", "s", [_p99(submits)], aim=0.05),
        Figure(f"page of 50 of {count} waiting jobs, p99", "s", [_p99(pages)], aim=0.05),
        Figure(f"jobs of {count} that stand at another place than theirs", "", [wrong], aim=0),
        Figure(f"memory of the server with {count} waiting jobs", "MiB", [memory_mib]),
    ]


def _block(service: services.Service, client: bessemer.Client) -> bessemer.Job:
    """Start a job, and stop its trainer where it stands."""
    job = client.train("mlp", dataset="iris", epochs=1_000_000)
    next(event for event in job.watch() if isinstance(event, bessemer.Progressed))
    for trainer in _trainers(service):
        trainer.send_signal(signal.SIGSTOP)
    return job


def _end(service: services.Service) -> None:
    """The trainer that stands still would be waited for."""
    for trainer in _trainers(service):
        trainer.kill()


def _trainers(service: services.Service) -> list[psutil.Process]:
    below = psutil.Process(service.pid).children(recursive=True)
    return [process for process in below if os.getsid(process.pid) == process.pid]


def _submit_all(address: str, count: int) -> list[float]:
    """Seconds of each submit."""
    numbers, lock = iter(range(count)), threading.Lock()

    def submit() -> list[float]:
        seconds: list[float] = []
        with bessemer.connect(address) as client:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return seconds
                train = functools.partial(client.train, "mlp", dataset="iris", epochs=1, seed=number)
                seconds.append(_time(functools.partial(train, priority=PRIORITIES[number % len(PRIORITIES)])))

    with futures.ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(submit) for _ in range(CLIENTS)]
        return [seconds for one in running for seconds in one.result()]


def _count_misplaced(client: bessemer.Client, blocker: str) -> int:
    """Highest priority first, then the oldest first: how many have another place in the queue than that."""
    waiting = [job for job in client.jobs.list() if job.id != blocker]
    waiting.sort(key=lambda job: (-job.priority, job.create_time, job.id))
    return sum(job.queue_position != place for place, job in enumerate(waiting, start=1))


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]

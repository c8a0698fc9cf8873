"""Faults by the hundred, at moments that a seed decides, over jobs of every architecture.

Each job is compared with the run of the same specification to which nothing happened: weights, every metric of every step,
sample pictures. To replay a failure: the seed that its message names in `TORTURE_SEED`.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time

import psutil
import pytest

import bessemer
from bessemer_server.scheduling import policy
from tests.faults import families, mutants, results, runs, tally
from tests.fix_service import Service

FLAGS = ("--slots", "2", "--lease-seconds", "2", "--back-off-seconds", "0.1")
STRIKES = 2
"""Kills of one job in a row without a checkpoint between; one that never gets on fails after four, as it should."""
PATIENCE_S = 60.0
ELSEWHERE: mutants.Change = (
    "executors/process.py",
    "            if attempt.pid > 0 and not self._is_watched(key):",
    "            if False:",
)
"""A server that sees no process of the one before it, as one on another machine would: else it ends a trainer that is silent, and
that one has no chance to write too late.
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Of each architecture: seconds, and what the job leaves when nothing happens to it."""
    folder = tmp_path_factory.mktemp("unbroken")
    service = Service(folder / "data", *FLAGS)
    start(service, folder)
    found = {}
    with bessemer.connect(service.address) as client:
        for architecture in families.FAMILIES:
            begun = time.monotonic()
            job = families.submit(client, architecture).wait(progress=False)
            found[architecture] = time.monotonic() - begun, results.read(service.data_dir, job.id)
    service.close()
    return found


@pytest.fixture
def prepared(make_service, tmp_path):
    """A server with the data and the model that the jobs need."""
    service = make_service(*FLAGS)
    start(service, tmp_path)
    return service


def start(service, folder):
    service.start()
    with bessemer.connect(service.address) as client:
        families.prepare(client, folder / "texts")


def pause(seconds):
    threading.Event().wait(seconds)


def check(service, jobs, unbroken, row):
    """Everything about these jobs that must hold; a failure names the seed."""
    for architecture, job in jobs:
        where = f"{architecture}, job {job.id}, attempt {job.attempt}: replay with TORTURE_SEED={tally.SEED}"
        job.refresh()
        assert job.state == "SUCCEEDED", f"{where}: {job.failure}"
        left, expected = results.read(service.data_dir, job.id), unbroken[architecture][1]
        for part, value in expected.items():
            assert left[part] == value, f"{part} differ: {where}"
        assert not results.late_writes(service.data_dir, job.id), where
        row.jobs += 1
        row.restarted += job.attempt - 1
    results.check_whole(service.data_dir)


def is_over(job):
    return job.refresh().state in ("SUCCEEDED", "FAILED", "CANCELLED")


def torment(service, job, seconds, draw, row):
    """Kill the job's trainers until it has ended all the same."""
    strikes = 0
    while True:
        ends = time.monotonic() + draw.uniform(0, seconds / 3)
        while time.monotonic() < ends:
            if is_over(job):
                return
            pause(min(0.02, max(ends - time.monotonic(), 0)))
        saved = [checkpoint.step for checkpoint in job.checkpoints()]
        for trainer in service.trainers():
            with contextlib.suppress(psutil.NoSuchProcess):
                trainer.kill()
                row.injections += 1
                row.exposed += 1
        strikes += 1
        if strikes < STRIKES and draw.random() < 0.3:
            continue
        while [checkpoint.step for checkpoint in job.checkpoints()] == saved:
            if is_over(job):
                return
            pause(0.02)
        strikes = 0


def test_killed_trainers(prepared, unbroken):
    row, draw = tally.begin("kill -9 of a trainer"), random.Random(tally.SEED)
    with bessemer.connect(prepared.address) as client:
        order = itertools.cycle(draw.sample(list(unbroken), len(unbroken)))
        while not row.is_done:
            architecture = next(order)
            job = families.submit(client, architecture)
            torment(prepared, job, unbroken[architecture][0], draw, row)
            check(prepared, [(architecture, job)], unbroken, row)
    row.finish()


def submit_all(client, draw):
    return [(name, families.submit(client, name)) for name in draw.sample(list(families.FAMILIES), 8)]


def goes_on(client, ids):
    """Wait until a trainer was heard of: kills that come faster than a server starts hit nobody. False when all have ended."""
    deadline = time.monotonic() + PATIENCE_S
    before = [client.jobs.get(id).progress for id in ids]
    while time.monotonic() < deadline:
        jobs = [client.jobs.get(id) for id in ids]
        if all(is_over(job) for job in jobs):
            return False
        if [job.progress for job in jobs] != before:
            return True
        pause(0.02)
    raise AssertionError(f"no trainer was heard of for {PATIENCE_S:g} s")


def run_under_kills(service, unbroken, row, draw, kill):
    """Jobs of every architecture, one batch after the other, while `kill` happens at random moments."""
    address = service.address
    while not row.is_done:
        with bessemer.connect(address) as client:
            jobs = submit_all(client, draw)
        while True:
            with bessemer.connect(address) as client:
                if not goes_on(client, [job.id for _, job in jobs]):
                    break
                pause(draw.uniform(0, 1))
                row.exposed += sum(client.jobs.get(job.id).state == "RUNNING" for _, job in jobs)
            kill(service)
            row.injections += 1
            service.start(listen=address)
        with bessemer.connect(address) as client:
            check(service, [(name, client.jobs.get(job.id)) for name, job in jobs], unbroken, row)


def test_killed_servers(prepared, unbroken):
    row, draw = tally.begin("kill -9 of the server"), random.Random(tally.SEED)
    seen: list[psutil.Process] = []

    def kill(service):
        seen.extend(service.processes())
        service.kill()

    run_under_kills(prepared, unbroken, row, draw, kill)
    assert row.restarted <= row.exposed * 0.01
    prepared.stop()
    runs.check_nobody_is_left(seen)
    row.finish()


def spare_the_weak(service):
    """Wait until no job has been lost so often in a row that once more would be too much."""
    deadline = time.monotonic() + 2 * PATIENCE_S
    while results.most_losses(service.data_dir) >= policy.MAX_LOSSES:
        assert time.monotonic() < deadline, "a job comes to no checkpoint"
        pause(0.02)


def kill_everyone(service, seen):
    everyone = service.processes()
    seen += everyone
    for process in reversed(everyone):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    service.kill()


def test_killed_everyone(prepared, unbroken):
    row, draw = tally.begin("kill -9 of everything"), random.Random(tally.SEED)
    seen: list[psutil.Process] = []

    def kill(service):
        spare_the_weak(service)
        kill_everyone(service, seen)

    run_under_kills(prepared, unbroken, row, draw, kill)
    seen += prepared.processes()
    prepared.stop()
    runs.check_nobody_is_left(seen)
    row.finish()


def revive_late(service, job_id, draw):
    """A trainer is stopped, its server killed, the job begun again by the next one; then the first goes on."""
    address = service.address
    deadline = time.monotonic() + 2 * PATIENCE_S
    with bessemer.connect(address) as client:
        job = client.jobs.get(job_id)
        while not (trainers := service.trainers()):
            if is_over(job):
                return
            assert time.monotonic() < deadline
            pause(0.01)
    (trainer,) = trainers
    pause(draw.uniform(0, 1))
    with contextlib.suppress(psutil.NoSuchProcess):
        trainer.suspend()
    service.kill()
    service.start(listen=address)
    with bessemer.connect(address) as client:
        job = client.jobs.get(job_id)
        before = job.attempt
        while not is_over(job) and (job.attempt == before or job.state != "RUNNING"):
            assert time.monotonic() < deadline
            pause(0.02)
    with contextlib.suppress(psutil.NoSuchProcess):
        trainer.resume()
    runs.check_nobody_is_left([trainer])


def test_stopped_trainers(make_service, unbroken, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", mutants.make(tmp_path, [ELSEWHERE]))
    prepared = make_service(*FLAGS)
    start(prepared, tmp_path)
    row, draw = tally.begin("SIGSTOP past the lease"), random.Random(tally.SEED)
    for _ in range(row.wanted):
        architecture = draw.choice(list(unbroken))
        with bessemer.connect(prepared.address) as client:
            job = families.submit(client, architecture)
        revive_late(prepared, job.id, draw)
        row.injections += 1
        row.exposed += 1
        with bessemer.connect(prepared.address) as client:
            job = client.jobs.get(job.id).wait(progress=False)
            check(prepared, [(architecture, job)], unbroken, row)
    row.finish()

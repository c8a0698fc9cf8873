"""Two servers: on one folder the second is refused, on one PostgreSQL they share the work and each job runs once."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter

import pytest

import bessemer
from bessemer_server.executors.logs import LogCollector
from bessemer_server.scheduling import policy
from bessemer_server.scheduling.loop import Scheduler, utc_now
from bessemer_server.scheduling.notices import Notices
from tests.conformance import samples
from tests.faults.workshop import Workshop, opened

SLOTS = 4
STARTS = 20


def refuse(service):
    """What a second server on the folder of this one says before it ends."""
    found = subprocess.run(
        service.command(), check=False, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=120
    )
    assert found.returncode
    return found.stderr


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_second_server_on_a_folder_is_refused_with_the_pid_of_the_first_also_after_its_kill(make_service):
    service = make_service()
    for _ in range(STARTS):
        service.start()
        first = service.pid
        assert f"process id {first};" in refuse(service)
        service.kill()
        service.start()
        assert service.pid != first
        assert f"process id {service.pid};" in refuse(service)
        service.kill()


async def serve(url, name, notes, folder):
    """Schedule as one server does, until there is nothing left to do."""
    notices = Notices()
    async with opened(url) as store:
        scheduler = Scheduler(
            store, notices, 60.0, server=name, logs=LogCollector(store, folder / name, notices.announce)
        )
        running = asyncio.create_task(
            scheduler.run(Workshop(store, scheduler, notes), policy.make_slots(["cpu"], SLOTS, name))
        )
        # The other server may have the last of them.
        while await store.queued_jobs(1, utc_now()) or await store.active_attempts():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait({running})


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("jobs", [30, pytest.param(1000, marks=pytest.mark.long)])
async def test_two_schedulers_on_one_postgresql_start_each_job_once(postgres_url, tmp_path, jobs):
    async with opened(postgres_url) as store:
        for n in range(jobs):
            await samples.create(store, f"job-{n:04}", priority=n % 3)
        notes: list[list[tuple[str, int]]] = [[], []]
        await asyncio.gather(*(serve(postgres_url, f"s{n}", notes[n], tmp_path) for n in range(2)))
        started = Counter(notes[0] + notes[1])
        assert started == {(f"job-{n:04}", 1): 1 for n in range(jobs)}
        assert min(map(len, notes)) > jobs / 10, "both have worked"
        for n in range(jobs):
            states = [event.kind.state for event in await store.transitions(f"job-{n:04}")]  # type: ignore[union-attr]
            assert states == ["QUEUED", "STARTING", "RUNNING", "SUCCEEDED"]


@pytest.mark.long
def test_two_servers_on_one_postgresql_train_each_job_once_and_each_stops_its_own_trainers_alone(
    make_service, postgres_url
):
    servers = [
        make_service("--slots", "1", "--database", postgres_url, "--grace-seconds", "0", name=name)
        for name in ("one", "two")
    ]
    for server in servers:
        server.start()
    addresses = [server.address for server in servers]
    one, two = (bessemer.connect(address, timeout=300) for address in addresses)  # both import torch first
    with one, two:
        jobs = [
            client.train("mlp", dataset="iris", epochs=3, seed=n) for n in range(4) for client in (one, two)
        ]
        for job in jobs:
            job.wait(progress=False)
            assert job.attempt == 1
        long = [one.train("mlp", dataset="iris", epochs=1_000_000, seed=n) for n in range(2)]
        for job in long:
            next(event for event in job.watch() if isinstance(event, bessemer.Progressed))
        trainers = [server.trainers() for server in servers]
        assert list(map(len, trainers)) == [1, 1], "each server trains one of them"
        servers[0].stop()
        attempts = sorted(two.jobs.get(job.id).attempt for job in long)
        assert attempts[0] == 1, "the other server's trainer was left alone"
        assert trainers[1][0].is_running()
        for job in long:
            two.jobs.get(job.id).cancel()

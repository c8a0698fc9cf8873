"""Predictions over a data set, with their trainer or server killed amid them, or paused: the bytes are those of the job to
which nothing happened.
"""

import contextlib
import json
import os
import signal
import sqlite3

import numpy as np
import pytest

import bessemer
from tests import fix_service
from tests.faults import results, runs

ROWS = 40_000
"""Predicted one by one: they take some seconds, and are saved each second."""


def read(service, job_id):
    """The result as the database has it: names, shapes and digests of its tensors, and its state."""
    with contextlib.closing(
        sqlite3.connect(f"file:{service.data_dir}/bessemer.db?mode=ro", uri=True)
    ) as database:
        query = "SELECT data FROM checkpoints JOIN blobs ON digest = manifest WHERE job_id = ?"
        ((manifest,),) = database.execute(query, (job_id,)).fetchall()
    results.check_whole(service.data_dir)
    return json.loads(manifest)


def publish(client):
    draw = np.random.default_rng(1)
    labels = np.arange(ROWS) % 3
    features = (draw.normal(size=(ROWS, 4)) + labels[:, None]).astype(np.float32)
    client.datasets.upload("many-rows", (features, labels))
    settings = {"dataset": "many-rows", "epochs": 1, "batch_size": 4000, "options": {"hidden": [64, 64]}}
    return client.train("mlp", name="many-rows", **settings).wait(progress=False).model


def begin(model):
    """A job that has saved some of its work, not all."""
    job = model.predict_dataset(batch_size=1)
    for event in job.watch():
        if isinstance(event, bessemer.CheckpointSaved):
            assert 0 < event.checkpoint.step < ROWS
            return job
    raise AssertionError("the job has ended without being saved")


def check_resumed(job):
    """The last attempt has repeated little."""
    assert "from step" in next(iter(job.logs(attempt=job.attempt))).text


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        yield publish(client)


@pytest.fixture(scope="module")
def expected(service, model):
    """What the job leaves when nothing happens to it."""
    job = model.predict_dataset(batch_size=1).wait(progress=False)
    assert job.attempt == 1
    return read(service, job.id)


def test_a_killed_trainer_is_replaced_and_the_bytes_are_the_same(service, model, expected):
    job = begin(model)
    (trainer,) = service.trainers()
    os.kill(trainer.pid, signal.SIGKILL)
    job.wait(progress=False)
    assert job.attempt == 2
    check_resumed(job)
    assert read(service, job.id) == expected


def kill_all(service):
    for process in reversed(service.processes()):
        process.kill()
    service.kill()


WAYS = [
    pytest.param(kill_all, 2, id="server and trainer are killed", marks=pytest.mark.long),
    pytest.param(fix_service.Service.kill, 1, id="the server is killed", marks=pytest.mark.long),
    pytest.param(fix_service.Service.stop, 2, id="the server is told to stop", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("end", "attempts"), WAYS)
def test_a_job_survives_its_server(make_service, expected, end, attempts):
    service = make_service("--lease-seconds", "2", "--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = begin(publish(client))
    end(service)
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id).wait(progress=False)
        assert job.attempt == attempts
        if attempts > 1:
            check_resumed(job)
        assert read(service, job.id) == expected


@pytest.mark.long
def test_a_paused_job_goes_on_where_it_stood(service, model, expected):
    job = begin(model)
    assert job.pause().state == "PAUSING"
    runs.watch_until(job, "PAUSED")
    saved = job.checkpoints()[-1].step
    assert 0 < saved < ROWS
    assert saved == job.refresh().progress.step
    job.resume().wait(progress=False)
    assert f"from step {saved} on" in next(iter(job.logs(attempt=2))).text
    assert read(service, job.id) == expected


@pytest.mark.long
def test_a_cancelled_job_that_is_retried_goes_on_from_what_it_saved(service, model, expected):
    job = begin(model)
    job.cancel()
    runs.watch_until(job, "CANCELLED")
    with pytest.raises(bessemer.FailedPrecondition, match="is CANCELLED"):
        list(job.predictions())
    job.retry().wait(progress=False)
    check_resumed(job)
    assert read(service, job.id) == expected


@pytest.mark.long
def test_a_job_whose_time_is_over_keeps_what_it_found_for_a_retry(service, model, expected):
    job = model.predict_dataset(batch_size=1, max_runtime=1.0)
    with pytest.raises(bessemer.JobFailed) as failed:
        job.wait(progress=False)
    assert failed.value.reason == "DEADLINE"
    assert failed.value.failure
    assert "epoch" not in failed.value.failure.evidence
    for _ in range(30):  # each time it gets a little further
        with contextlib.suppress(bessemer.JobFailed):
            job.retry().wait(progress=False)
            break
    check_resumed(job)
    assert read(service, job.id) == expected


def zero(service, digest):
    """Damage a blob where it lies."""
    with (
        contextlib.closing(sqlite3.connect(service.data_dir / "bessemer.db", timeout=30)) as database,
        database,
    ):
        database.execute("UPDATE blobs SET data = zeroblob(length(data)) WHERE digest = ?", (digest,))


def test_what_is_damaged_is_told_and_never_handed_out_or_predicted_with(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        trained = client.train("mlp", dataset="iris", epochs=1).wait(progress=False)
        model = trained.model
        assert model
        job = model.predict_dataset().wait(progress=False)
        (tensor, *_) = read(service, job.id)["tensors"]
        zero(service, tensor["digests"][0])
        for _ in range(2):
            with pytest.raises(bessemer.BessemerError, match="DATA_LOSS"):
                list(job.predictions())
        weights = results.read(service.data_dir, trained.id)["weights"]
        zero(service, weights[0]["digests"][0])
        with pytest.raises(bessemer.JobFailed) as failed:
            model.predict_dataset().wait(progress=False)
        assert failed.value.reason == "INVALID_DATA"
        assert failed.value.failure
        assert failed.value.failure.next_step.startswith("train the model that it needs again")

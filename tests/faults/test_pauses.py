"""Pausing, for real: whatever happens to trainer and server meanwhile, the results are those of the run that never
stopped."""

import os
import signal

import pytest

import bessemer
from tests.faults.runs import SPEC, check_equal, pause_amid_epoch, watch_until, watch_until_epoch


def test_a_paused_job_frees_its_slot_survives_a_restart_and_ends_as_if_nothing_had_been(
    make_service,
    unbroken,
):
    service = make_service("--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 3)
        pause_amid_epoch(job)
        assert job.checkpoints()[-1].step == job.progress.step
        attempt = job.attempt
        client.train("mlp", dataset="iris", epochs=1).wait(progress=False)
    service.stop()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        assert job.state == "PAUSED"
        assert job.resume().state == "QUEUED"
        job.wait(progress=False)
        assert job.attempt == attempt + 1
        check_equal(job, unbroken)


@pytest.mark.long
def test_a_job_whose_trainer_dies_while_it_pauses_is_paused(service, unbroken):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 3)
        (trainer,) = service.trainers()
        os.kill(trainer.pid, signal.SIGSTOP)  # it never hears of the pause
        assert job.pause().state == "PAUSING"
        os.kill(trainer.pid, signal.SIGKILL)
        assert "SIGKILL" in watch_until(job, "PAUSED").message
        job.resume().wait(progress=False)
        check_equal(job, unbroken)


@pytest.mark.long
def test_a_pause_reaches_the_trainer_through_the_next_server(make_service, unbroken):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 3)
        (trainer,) = service.trainers()
        os.kill(trainer.pid, signal.SIGSTOP)
        assert job.pause().state == "PAUSING"
    service.kill()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        assert job.state == "PAUSING"
        os.kill(trainer.pid, signal.SIGCONT)
        watch_until(job, "PAUSED")
        job.resume().wait(progress=False)
        check_equal(job, unbroken)


def test_a_job_is_cancelled_while_it_pauses(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 2)
        (trainer,) = service.trainers()
        os.kill(trainer.pid, signal.SIGSTOP)
        job.pause()
        assert job.cancel().state == "CANCELLING"
        os.kill(trainer.pid, signal.SIGCONT)
        watch_until(job, "CANCELLED")

"""A job that may run for a limited time: it fails with its work saved, and a retry goes on from there."""

import os
import signal
from typing import Any

import pytest

import bessemer
from tests.faults.runs import wait_until_running

LONG: dict[str, Any] = {"dataset": "digits", "epochs": 1000, "checkpoint": {"every_epochs": 1000}}


def fail(job) -> bessemer.JobFailed:
    with pytest.raises(bessemer.JobFailed) as failed:
        job.wait(progress=False)
    return failed.value


def test_a_job_beyond_its_time_fails_saves_its_work_and_goes_on_when_it_is_retried(make_service):
    service = make_service("--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", max_runtime=1.5, **LONG)
        other = client.train("mlp", dataset="iris", epochs=1, max_runtime=600)
        failed = fail(job)
        assert failed.reason == "DEADLINE"
        assert job.failure is not None
        assert "max_runtime is 1.5 s" in job.failure.message
        assert f"bessemer jobs retry {job.id}" in job.failure.next_step
        assert float(job.failure.evidence["run_seconds"]) >= 1.5
        assert job.run_time.total_seconds() >= 1.5
        (saved,) = job.checkpoints()  # no epoch that saves had ended
        assert saved.step == job.progress.step > 0
        assert other.wait(progress=False).state == "SUCCEEDED"  # the slot was free again

        job.retry()
        fail(job)
        assert job.attempt == 2
        assert job.checkpoints()[-1].step > saved.step


def test_time_adds_up_over_attempts_and_a_trainer_lost_beyond_it_is_not_tried_again(make_service):
    service = make_service("--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", max_runtime=3, **LONG)
        wait_until_running(job, 1)
        for event in job.watch():
            if isinstance(event, bessemer.Progressed) and job.refresh().run_time.total_seconds() > 1.5:
                break
        (trainer,) = service.trainers()
        os.kill(trainer.pid, signal.SIGKILL)
        assert fail(job).reason == "DEADLINE"
        assert job.attempt == 2
        assert job.run_time.total_seconds() >= 3


def test_a_time_that_is_none_is_refused(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        wrongs: list[Any] = [0, -1, float("nan"), float("inf"), "1h", True, 1e12]
        for wrong in wrongs:
            with pytest.raises(bessemer.InvalidArgument, match="max_runtime: must be"):
                client.train("mlp", dataset="iris", max_runtime=wrong)

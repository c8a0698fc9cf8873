"""A job that kills every trainer: it is tried again with longer and longer waits, fails in the end, and holds up nobody."""

import os
import signal

import pytest

import bessemer
from tests.faults.runs import wait_until_running


def test_a_job_that_loses_every_trainer_fails_in_the_end_and_others_train_meanwhile(make_service):
    service = make_service("--slots", "1", "--back-off-seconds", "0.5")
    service.start()
    with bessemer.connect(service.address) as client:
        poison = client.train(
            "mnist_cnn", dataset="digits", epochs=1000, priority=9, checkpoint={"every_epochs": 1000}
        )
        other = client.train("mlp", dataset="iris", epochs=1)
        for attempt in range(1, 5):
            wait_until_running(poison, attempt)
            trainer = max(service.trainers(), key=lambda process: process.create_time())
            os.kill(trainer.pid, signal.SIGKILL)
            trainer.wait(timeout=10)
        with pytest.raises(bessemer.JobFailed) as failed:
            poison.wait(progress=False)
        assert failed.value.reason == "WORKER_KILLED"
        waits = [change.message for change in poison.transitions if change.state == "QUEUED"][1:]
        assert [wait.partition(":")[0] for wait in waits[1:]] == [
            "waits 0.5 s before attempt 3",
            "waits 1 s before attempt 4",
        ]
        assert "SIGKILL" in waits[0]
        other.wait(progress=False)
        assert other.attempt == 1
        ended = {job.id: job.transitions[-1].time for job in (poison, other)}
        assert ended[other.id] < ended[poison.id]

"""The log of a trainer outlives the trainer and the server, and what ended an attempt is told with evidence."""

import os
import signal
from typing import Any

import psutil
import pytest

import bessemer

LONG: dict[str, Any] = {"dataset": "digits", "epochs": 10, "seed": 3, "batch_size": 32}
NO_CHECKPOINT: dict[str, Any] = {"dataset": "digits", "epochs": 5, "seed": 3, "batch_size": 1}
"""No epoch ends before its trainer does."""


def wait_until_running(job, attempt):
    """The trainer's process id."""
    for event in job.watch():
        if isinstance(event, bessemer.StateChanged) and (event.state, event.attempt) == ("RUNNING", attempt):
            break
    (line,) = [line.text for line in job.logs(attempt=attempt) if "process " in line.text]
    return int(line.partition("process ")[2].partition(")")[0])


def texts(job, **arguments):
    return [line.text for line in job.logs(**arguments)]


@pytest.mark.long
def test_what_each_killed_trainer_printed_is_kept_and_the_last_is_evidence(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **NO_CHECKPOINT)
        for attempt in (1, 2, 3, 4):
            os.kill(wait_until_running(job, attempt), signal.SIGKILL)
        with pytest.raises(bessemer.JobFailed) as failed:
            job.wait(progress=False)
        failure = failed.value.failure
        assert failure is not None
        assert failure.reason == "WORKER_KILLED"
        assert failure.next_step
        assert failure.evidence["signal"] == "signal 9 (SIGKILL)"
        assert failure.evidence["attempt"] == "4"
        assert failure.evidence["log"].startswith(f"attempt 4 of job {job.id}")
        assert [text.partition(" of job")[0] for text in texts(job)] == [f"attempt {n}" for n in (1, 2, 3, 4)]


def test_a_crash_in_native_code_leaves_its_stack_in_the_log(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **NO_CHECKPOINT)
        os.kill(wait_until_running(job, 1), signal.SIGSEGV)
        wait_until_running(job, 2)
        crashed = "\n".join(texts(job, attempt=1))
        job.cancel()
        assert "Fatal Python error: Segmentation fault" in crashed
        assert "train_step" in crashed


@pytest.mark.long
def test_a_log_is_followed_through_the_kill_of_the_server_none_missing_and_none_twice(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **LONG)
        wait_until_running(job, 1)
        following = job.logs(follow=True)
        found = [next(following)]
        address = service.address
        service.kill()
        service.start(listen=address)
        found += list(following)
        assert [line.cursor for line in found] == list(range(1, len(found) + 1))
        assert found == list(job.logs())
        assert "trained" in found[-1].text


@pytest.mark.long
def test_what_was_printed_while_no_server_was_there_is_kept_after_the_kill_of_everyone(make_service):
    service = make_service("--lease-seconds", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **NO_CHECKPOINT)
        trainer = psutil.Process(wait_until_running(job, 1))
    service.kill()
    os.kill(trainer.pid, signal.SIGSEGV)  # it prints its stack, and nobody is there to read it
    trainer.wait(timeout=10)
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        wait_until_running(job, 2)
        assert any("Segmentation fault" in text for text in texts(job, attempt=1))
        job.cancel()


@pytest.mark.long
def test_a_trainer_that_falls_silent_too_often_is_lost_with_evidence(make_service):
    service = make_service("--lease-seconds", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **NO_CHECKPOINT)
        for attempt in (1, 2, 3, 4):
            os.kill(wait_until_running(job, attempt), signal.SIGSTOP)
        with pytest.raises(bessemer.JobFailed) as failed:
            job.wait(progress=False)
    failure = failed.value.failure
    assert failure is not None
    assert failure.reason == "WORKER_LOST"
    assert failure.evidence["silent_seconds"] == "2"
    assert int(failure.evidence["pid"]) > 0
    assert failure.evidence["log"].startswith("attempt 4 of job")

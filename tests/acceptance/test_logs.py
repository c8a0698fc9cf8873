"""What trainers print, and why jobs fail, as a user reads it."""

import asyncio
import json
import pathlib
import re
import subprocess
import sys

import pytest

import bessemer
import bessemer.aio

WILD = {"kind": "sgd", "learning_rate": 1e6, "momentum": 0.99}
COMMAND = pathlib.Path(sys.executable).with_name("bessemer")


@pytest.fixture(scope="module")
def job(service):
    with bessemer.connect(service.address) as client:
        yield client.train("mlp", dataset="iris", epochs=2).wait(progress=False)


def test_the_log_of_a_job_begins_and_ends_with_what_its_trainer_did(job):
    lines = list(job.logs(follow=True))
    assert [line.cursor for line in lines] == list(range(1, len(lines) + 1))
    assert {line.attempt for line in lines} == {1}
    assert f"attempt 1 of job {job.id} trains mlp on iris with cpu" in lines[0].text
    assert "from the beginning" in lines[0].text
    assert re.fullmatch(r"trained [\d,]+ parameters \(peak_memory_bytes \d+\)", lines[-1].text)
    assert str(lines[0]) == lines[0].text
    assert lines[0].time >= job.create_time


def test_reading_goes_on_behind_a_cursor_and_picks_an_attempt(job):
    everything = list(job.logs(follow=True))
    assert list(job.logs(after=1)) == everything[1:]
    assert list(job.logs(attempt=1)) == everything
    assert list(job.logs(attempt=2)) == []
    assert list(job.logs(after=10_000)) == []


def test_following_begins_before_the_job_does_and_ends_with_it(client):
    job = client.train("mlp", dataset="digits", epochs=3)
    lines = [line.text for line in job.logs(follow=True)]
    assert f"of job {job.id}" in lines[0]
    assert "trained" in lines[-1]
    assert job.refresh().state == "SUCCEEDED"


def test_the_log_is_read_with_asyncio_too(job, service):
    async def read():
        async with bessemer.aio.connect(service.address) as client:
            found = await client.jobs.get(job.id)
            return [line async for line in found.logs(follow=True)]

    assert asyncio.run(read()) == list(job.logs(follow=True))


def test_the_command_prints_lines_for_people_and_for_programs(job, service):
    def run(*flags):
        command = [COMMAND, "--server", service.address, "jobs", "logs", job.id, *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    lines = list(job.logs(follow=True))
    assert run("--follow") == [f"{line.time:%Y-%m-%d %H:%M:%S} #1 {line.text}" for line in lines]
    assert [json.loads(line)["text"] for line in run("--json")] == [line.text for line in lines]
    assert run("--attempt", "2") == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        *(({"after": value}, "after") for value in (-1, 1.5, "x", 2**63, True)),
        *(({"attempt": value}, "attempt") for value in (0, -1, "1", 2**31)),
    ],
    ids=str,
)
def test_what_is_no_cursor_or_attempt_is_refused(job, arguments, field):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        list(job.logs(**arguments))
    assert [violation.field for violation in refused.value.violations] == [field]


def test_the_log_of_an_unknown_job_is_not_found(client, job):
    from bessemer.v1 import jobs_pb2

    stranger = bessemer.Job(client._transport, jobs_pb2.Job(id="stranger"))
    with pytest.raises(bessemer.NotFound, match="no job 'stranger'"):
        list(stranger.logs())


def test_a_loss_that_leaves_the_finite_numbers_tells_the_last_that_had_not(client, service):
    job = client.train("mlp", dataset="iris", optimizer=WILD, epochs=50)
    with pytest.raises(bessemer.JobFailed) as failed:
        job.wait(progress=False)
    failure = failed.value.failure
    assert failure is not None
    assert failure.reason == "NON_FINITE_LOSS"
    assert failure.next_step
    assert {
        "attempt",
        "step",
        "epoch",
        "learning_rate",
        "peak_memory_bytes",
        "log",
    } <= failure.evidence.keys()
    assert failure.evidence["learning_rate"] == "1000000.0"
    assert "NON_FINITE_LOSS" in failure.evidence["log"]
    command = [COMMAND, "--server", service.address, "jobs", "show", job.id]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "learning_rate 1000000.0" in shown
    assert f"of job {job.id}" in shown


@pytest.mark.long
def test_data_that_is_damaged_fails_the_job_with_its_log(make_service, tmp_path):
    folder = tmp_path / "datasets"
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"torn")
    service = make_service("--dataset-dir", str(folder))
    service.start()
    with bessemer.connect(service.address) as client, pytest.raises(bessemer.JobFailed) as failed:
        client.train("mlp", dataset="mnist", epochs=1).wait(progress=False)
    failure = failed.value.failure
    assert failure is not None
    assert failure.reason == "INVALID_DATA"
    assert failure.next_step
    assert "INVALID_DATA" in failure.evidence["log"]

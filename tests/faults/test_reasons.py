"""Each reason of the closed list is brought about for real, and told with evidence and a next step."""

from __future__ import annotations

import math
import os
import pathlib
import resource
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import bessemer
from bessemer_server.data import idx
from bessemer_server.domain.jobs import Reason
from tests.faults.runs import wait_until_running
from tests.unit.data import idx_files, mirrors

ENDLESS: dict[str, Any] = {"dataset": "digits", "epochs": 1000, "checkpoint": {"every_epochs": 1000}}
LARGE = {"hidden": [30_000, 30_000]}
"""3.6 GB of weights."""
RAW = pathlib.Path("datasets", "FashionMNIST", "raw")
MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


def train_on_torn_files(client, service):
    raw = service.data_dir / RAW
    raw.mkdir(parents=True)
    (raw / idx.FILES[0]).write_bytes(b"torn")
    return client.train("mnist_cnn", dataset="fashion_mnist")


def train_more_weights_than_the_host_holds(client, service):
    client.architectures()  # the fork server is there; what it may have is what its trainers may have
    for process in service.processes()[1:]:
        most = process.memory_info().vms + 2**31
        process.rlimit(resource.RLIMIT_AS, (most, most))
    return client.train("mlp", dataset="iris", options=LARGE)


def train_larger_activations_than_the_device_holds(client, service):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return train_larger_activations_than(torch.cuda.get_device_properties(0).total_memory, client)


def train_larger_activations_than(size_bytes, client):
    filters, side, float_bytes = 4096, 224, 4
    samples = 2 * math.ceil(
        size_bytes / (filters * side**2 * float_bytes)
    )  # half of them are more than enough of a batch
    images, labels = np.zeros((samples, side, side), np.uint8), np.arange(samples) % 2
    client.datasets.upload("large", (images, labels))
    options = {"filters": [filters, 8], "units": 16}
    return client.train("mnist_cnn", dataset="large", batch_size=samples // 2, options=options)


def train_wildly(client, service):
    wild = {"kind": "sgd", "learning_rate": 1e6, "momentum": 0.99}
    return client.train("mlp", dataset="iris", optimizer=wild, epochs=50)


def train_for_too_long(client, service):
    return client.train("mnist_cnn", max_runtime=0.5, **ENDLESS)


def train_where_a_folder_is_in_the_way(client, service):
    (service.data_dir / RAW / f".{idx.FILES[0]}.part").mkdir(parents=True)
    return client.train("mnist_cnn", dataset="fashion_mnist")


def kill_each_trainer(client, service):
    return _signal_each_trainer(client, service, signal.SIGKILL)


def stop_each_trainer(client, service):
    return _signal_each_trainer(client, service, signal.SIGSTOP)


def _signal_each_trainer(client, service, number):
    job = client.train("mnist_cnn", **ENDLESS)
    for attempt in (1, 2, 3, 4):
        wait_until_running(job, attempt)
        newest = max(service.trainers(), key=lambda process: process.create_time())
        os.kill(newest.pid, number)
    return job


FAILING: dict[Reason, tuple[Callable[..., Any], set[str]]] = {
    Reason.INVALID_DATA: (train_on_torn_files, {"peak_memory_bytes"}),
    Reason.OUT_OF_MEMORY_HOST: (train_more_weights_than_the_host_holds, {"peak_memory_bytes"}),
    Reason.OUT_OF_MEMORY_DEVICE: (train_larger_activations_than_the_device_holds, {"device_memory_bytes"}),
    Reason.NON_FINITE_LOSS: (train_wildly, {"learning_rate", "step", "epoch"}),
    Reason.DEADLINE: (train_for_too_long, {"run_seconds", "max_runtime_seconds"}),
    Reason.INTERNAL: (train_where_a_folder_is_in_the_way, {"error", "peak_memory_bytes"}),
    Reason.WORKER_KILLED: (kill_each_trainer, {"signal"}),
    Reason.WORKER_LOST: (stop_each_trainer, {"silent_seconds", "last_heard", "pid"}),
}
"""How a job comes to fail of the reason, and what its evidence has beside attempt and log."""
WAITING = {Reason.DISK_FULL, Reason.PREEMPTED}
"""No job fails of these: it waits, and goes on."""
QUICK = {Reason.OUT_OF_MEMORY_HOST, Reason.INTERNAL}
"""The others are also tried elsewhere in the quick form."""


def test_every_reason_is_tried():
    assert FAILING.keys() | WAITING == set(Reason)


@pytest.mark.parametrize(
    "reason", [pytest.param(r, marks=() if r in QUICK else pytest.mark.long) for r in FAILING], ids=str
)
def test_a_job_fails_with_reason_evidence_and_next_step(make_service, reason):
    provoke, evidence = FAILING[reason]
    service = make_service("--slots", "1", "--lease-seconds", "2", "--back-off-seconds", "0.1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = provoke(client, service)
        with pytest.raises(bessemer.JobFailed) as failed:
            job.wait(progress=False)
        failure = failed.value.failure
        assert failure is not None
        assert failure.reason == reason
        assert failure.message
        assert failure.next_step
        assert evidence | {"attempt", "log"} <= failure.evidence.keys()
        after = client.train("mlp", dataset="iris", epochs=1)  # the slot is free again
        assert after.wait(progress=False).state == "SUCCEEDED"


@pytest.mark.long
def test_a_trainer_without_room_for_its_files_waits_until_there_is_some(make_service, monkeypatch):
    with mirrors.serve() as mirror:
        mirror.files[MIRROR + idx.FILES[0]] = bytes(1000)
        monkeypatch.setenv("http_proxy", mirror.address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        service = make_service("--slots", "1", "--back-off-seconds", "0.5")
        raw = service.data_dir / RAW
        raw.mkdir(parents=True)
        (raw / f".{idx.FILES[0]}.part").symlink_to("/dev/full")
        service.start()
        with bessemer.connect(service.address) as client:
            job = client.train("mnist_cnn", dataset="fashion_mnist", epochs=1)
            told = [e for e in _until_attempt(job, 3) if e.state == "QUEUED"][1:]
            assert [e.message.partition(":")[0] for e in told] == ["DISK_FULL"] * len(told)
            assert "no room was left to write" in told[0].message
            assert job.refresh().failure is None
            _write_fashion(raw)
            assert any(isinstance(event, bessemer.Progressed) for event in job.watch())
            job.cancel()


def _until_attempt(job, number):
    for event in job.watch():
        if isinstance(event, bessemer.StateChanged):
            yield event
            if event.attempt == number:
                return


def _write_fashion(folder: pathlib.Path) -> None:
    for images, labels, count in ((*idx.FILES[:2], 60_000), (*idx.FILES[2:], 10_000)):
        _put(folder / images.removesuffix(".gz"), np.zeros((count, 28, 28), np.uint8))
        _put(folder / labels.removesuffix(".gz"), np.arange(count, dtype=np.uint8) % 10)


def _put(path: pathlib.Path, values) -> None:
    """The file at once: the trainer may be looking."""
    draft = path.with_name("draft")
    draft.write_bytes(idx_files.encode(values))
    draft.rename(path)

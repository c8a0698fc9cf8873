"""A server that failpoints kill, what it is asked meanwhile, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np

import bessemer
from bessemer_server.domain import failpoints
from tests.faults import results
from tests.fix_service import Service

PATIENCE_S = 60.0
SPEC: dict[str, Any] = {
    "dataset": "digits", "epochs": 5, "seed": 3, "batch_size": 32, "options": {"filters": [4, 8], "units": 16},
    "checkpoint": {"every_steps": 10, "keep_last": 2},
}  # fmt: skip
"""Epochs of 41 steps: some twenty checkpoints, of which most are removed again while it trains."""
MOST_FURTHER = 4
IRIS_SAMPLES = 150
CLOCK: dict[str, Any] = {"dataset": "iris", "epochs": 1_000_000, "checkpoint": {"every_epochs": 0}}
"""Trains until somebody stops it."""


class PhoenixService(Service):
    """A server with failpoints, started again on the same address by a thread whenever it ends."""

    def __init__(self, data_dir: pathlib.Path, *flags: str) -> None:
        super().__init__(data_dir, *flags)
        self.deaths = 0
        self._folder = data_dir.with_name(f"{data_dir.name}.failpoints")
        self._folder.mkdir()
        self._is_closed = False
        self._nurse = threading.Thread(target=self._revive)

    def command(self, listen: str = "127.0.0.1:0") -> list[str]:
        return ["env", f"{failpoints.VARIABLE}={self._folder}", *super().command(listen)]

    def arm(self, point: str, passes: int) -> None:
        """Have whoever comes to the point for the `passes`-th time killed."""
        draft = self._folder / "draft"
        draft.write_text(str(passes))
        draft.rename(self._folder / point)

    @property
    def is_armed(self) -> bool:
        """Whether some point still waits for somebody to kill."""
        return any(self._folder.iterdir())

    def wait_until_reached(self, point: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (self._folder / point).exists():
            assert time.monotonic() < deadline, f"{point} was never reached\n{self.log()}"
            threading.Event().wait(0.02)

    def begin(self) -> None:
        self._start()
        self._nurse.start()
        deadline = time.monotonic() + PATIENCE_S
        while not self.address:
            assert time.monotonic() < deadline, self.log()
            threading.Event().wait(0.02)

    def restart(self) -> None:
        """SIGTERM, and wait for the next one."""
        deaths = self.deaths
        assert self._process is not None
        self._process.terminate()
        while self.deaths == deaths:
            threading.Event().wait(0.02)

    def repeat(self, *command: str) -> None:
        """Run a command of the service's program until a failpoint no longer kills it."""
        environment = {**os.environ, failpoints.VARIABLE: str(self._folder)}
        line = [sys.executable, "-m", "bessemer_server", *command]
        while status := subprocess.run(line, env=environment, check=False).returncode:
            assert status == -signal.SIGKILL

    def _revive(self) -> None:
        while True:
            assert self._process is not None
            self._process.wait()
            if self._is_closed:
                return
            self._close_pipes()
            self.deaths += 1
            self._start()

    def _start(self) -> None:
        with contextlib.suppress(AssertionError):  # killed while it starts: `_revive` sees to it
            self.start(self.address)

    def close(self) -> None:
        self._is_closed = True
        super().close()
        if self._nurse.is_alive():
            self._nurse.join()


class Persistent:
    """A client that asks again while the server is away: every call here may be repeated."""

    def __init__(self, client: bessemer.Client) -> None:
        self.client = client

    def ask(self, call: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return call()
            except bessemer.Unavailable:
                if time.monotonic() > deadline:
                    raise
                threading.Event().wait(0.05)

    def train(self, key: str, architecture: str, **spec: Any) -> Any:
        return self.ask(lambda: self.client.train(architecture, idempotency_key=key, **spec))

    def watch_until(self, job: Any, *states: str) -> str:
        """Until the job is in one of the states; returns which."""
        while self.ask(job.refresh).state not in states:
            threading.Event().wait(0.02)
        return str(job.state)


def wait_until_told(client: bessemer.Client, job_id: str, wait_reason: str) -> None:
    """Until the job says that it waits for this."""
    deadline = time.monotonic() + PATIENCE_S
    while client.jobs.get(job_id).wait_reason != wait_reason:
        assert time.monotonic() < deadline, f"{wait_reason} was never told"
        threading.Event().wait(0.02)


def train(persistent: Persistent, service: PhoenixService) -> Any:
    """One job after the other in one slot, to the end; and further ones until somebody was killed who saves: a trainer that is
    quicker than its uploads saves less often.
    """
    job = persistent.train("a", "mnist_cnn", **SPEC)
    other = persistent.train("b", "mlp", dataset="iris", epochs=1)
    again = persistent.train("a", "mnist_cnn", **SPEC)
    assert again.id == job.id
    job.wait(progress=False)
    other.wait(progress=False)
    for seed in range(MOST_FURTHER):
        if not service.is_armed:
            break
        persistent.train(f"further-{seed}", "mnist_cnn", **{**SPEC, "seed": seed}).wait(progress=False)
    return job


def pause(persistent: Persistent, service: PhoenixService) -> Any:
    """Paused and resumed while it trains; again when it was done before the server had heard."""
    for key in map(str, range(MOST_FURTHER)):
        job = persistent.train(key, "mnist_cnn", **SPEC)
        for event in job.watch():
            if isinstance(event, bessemer.CheckpointSaved):
                break
        with contextlib.suppress(bessemer.FailedPrecondition):
            persistent.ask(job.pause)
        if persistent.watch_until(job, "PAUSED", "SUCCEEDED") == "PAUSED":
            persistent.ask(job.resume)
        job.wait(progress=False)
        if not service.is_armed:
            break
    return job


def stop(persistent: Persistent, service: PhoenixService) -> None:
    """Cancelled, retried, cancelled again, deleted."""
    job = persistent.train("a", "mlp", **CLOCK)
    persistent.watch_until(job, "RUNNING")
    persistent.ask(job.cancel)
    persistent.watch_until(job, "CANCELLED")
    persistent.ask(job.retry)
    persistent.watch_until(job, "RUNNING")
    persistent.ask(job.cancel)
    persistent.watch_until(job, "CANCELLED")
    persistent.ask(job.delete)
    with contextlib.suppress(bessemer.NotFound):
        persistent.ask(job.refresh)
        raise AssertionError("the job is still there")


def fail(persistent: Persistent, service: PhoenixService) -> None:
    """A job that cannot succeed."""
    optimizer = {"kind": "sgd", "learning_rate": 1e6, "momentum": 0.99}
    job = persistent.train("a", "mlp", dataset="iris", epochs=50, optimizer=optimizer)
    with contextlib.suppress(bessemer.JobFailed):
        job.wait(progress=False)
    assert job.refresh().failure.reason == "NON_FINITE_LOSS"


def upload(persistent: Persistent, service: PhoenixService) -> None:
    """A data set comes, is trained on, and goes again."""
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    persistent.ask(lambda: persistent.client.datasets.upload("mine", (features, labels)))
    persistent.train("a", "mlp", dataset="mine", epochs=2).wait(progress=False)
    with contextlib.suppress(bessemer.NotFound):
        persistent.ask(lambda: persistent.client.datasets.delete("mine"))


def name_and_delete(persistent: Persistent, service: PhoenixService) -> None:
    """A model gets an alias and loses it, and is deleted."""
    job = persistent.train("a", "mlp", dataset="iris", epochs=1, name="named").wait(progress=False)
    models = persistent.client.models
    persistent.ask(lambda: models.set_alias("named", "champion", 1))
    assert persistent.ask(lambda: models.get("named@champion")).job_id == job.id
    persistent.ask(lambda: models.delete_alias("named", "champion"))
    assert persistent.ask(lambda: models.aliases("named")) == {}
    with contextlib.suppress(bessemer.NotFound):
        persistent.ask(lambda: models.delete("named"))
    assert list(persistent.ask(lambda: list(models.list("named")))) == []


def send_model(persistent: Persistent, service: PhoenixService) -> None:
    """A model goes out as a file and comes back under another name."""
    job = persistent.train("a", "mlp", dataset="iris", epochs=1, name="origin").wait(progress=False)
    file = service.data_dir.with_name("origin.safetensors")
    persistent.ask(lambda: persistent.ask(lambda: job.model).export(file))
    models = persistent.client.models
    assert persistent.ask(lambda: models.upload("copy", file)).version == "1"
    assert [model.version for model in persistent.ask(lambda: list(models.list("copy")))] == ["1"]


def predict(persistent: Persistent, service: PhoenixService) -> None:
    """A model predicts every sample of its data set; what came is what comes when nothing happens."""
    trained = persistent.train("a", "mlp", dataset="iris", epochs=1, name="asked").wait(progress=False)
    model = persistent.ask(lambda: trained.model)

    def ask(key: str) -> Any:
        return persistent.ask(lambda: model.predict_dataset(batch_size=7, idempotency_key=key))

    killed, unbroken = (ask(key).wait(progress=False) for key in ("b", "c"))
    found = persistent.ask(lambda: list(killed.predictions()))
    assert found == persistent.ask(lambda: list(unbroken.predictions()))
    assert len(found) == IRIS_SAMPLES


def generate(persistent: Persistent, service: PhoenixService) -> None:
    """A generator draws at the end of each epoch."""
    options = {"latent": 8, "filters": 8}
    job = persistent.train("a", "dcgan", dataset="digits", epochs=2, options=options).wait(progress=False)
    assert persistent.ask(job.sample_epochs)[-1] == 2


def drain(persistent: Persistent, service: PhoenixService) -> Any:
    """The server is stopped while a job trains."""
    job = persistent.train("a", "mnist_cnn", **SPEC)
    for event in job.watch():
        if isinstance(event, bessemer.CheckpointSaved):
            break
    service.restart()
    return job.wait(progress=False)


def damage(persistent: Persistent, service: PhoenixService) -> Any:
    """A bit of the newest checkpoint of a job that is paused is flipped."""
    job = persistent.train("a", "mnist_cnn", **SPEC)
    for event in job.watch():
        if isinstance(event, bessemer.CheckpointSaved) and event.checkpoint.step >= 60:
            break
    persistent.ask(job.pause)
    persistent.watch_until(job, "PAUSED")
    with (
        contextlib.closing(sqlite3.connect(service.data_dir / "bessemer.db", timeout=30)) as database,
        database,
    ):
        query = "SELECT data FROM checkpoints JOIN blobs ON digest = manifest ORDER BY step"
        rows = database.execute(query).fetchall()
        *older, newest = [{d for t in json.loads(m)["tensors"] for d in t["digests"]} for (m,) in rows]
        digest = min(newest.difference(*older))
        database.execute("UPDATE blobs SET data = zeroblob(length(data)) WHERE digest = ?", (digest,))
    persistent.ask(job.resume)
    return job.wait(progress=False)


def back_up(persistent: Persistent, service: PhoenixService) -> Any:
    """All is saved and restored, by commands that are repeated until they have ended well; what came is what was there."""
    job = persistent.train("a", "mnist_cnn", **SPEC).wait(progress=False)
    file, elsewhere = service.data_dir.with_name("saved.db"), service.data_dir.with_name("elsewhere")
    for command, data_dir in (("backup", service.data_dir), ("restore", elsewhere)):
        service.repeat(command, str(file), "--data-dir", str(data_dir))
        assert not list(service.data_dir.parent.glob("**/*.partial*"))
    assert results.read(elsewhere, job.id) == results.read(service.data_dir, job.id)
    results.check_whole(elsewhere)
    return job

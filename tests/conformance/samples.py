"""Jobs, metrics and checkpoints to try stores with."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention, TensorEntry
from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.jobs import Attempt, Failure, Job, NewJob, Progress, Reason
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Publication
from bessemer_server.domain.plans import DatasetInfo
from bessemer_server.domain.ports import BlobStore, Store

START = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
LOSS = Failure(Reason.WORKER_LOST, "the trainer stopped reporting", "nothing: it will be tried again")
WEIGHTS = b"\x00\x01\x02\x03"
DEFINITION = {
    "layers": [{"dense": {"units": 2}}],
    "labels": ["cat", "dog"],
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}


def at(seconds: float) -> datetime.datetime:
    """A time after START."""
    return START + datetime.timedelta(seconds=seconds)


def new_job(job_id: str = "job-1", name: str = "digits", architecture: str = "mlp", **fields: Any) -> NewJob:
    """A job as it is accepted."""
    spec = {
        "architecture": architecture,
        "dataset": "digits",
        "options": {"dropout": 0.1, "layers": [1, None]},
    }
    effective_spec = {**spec, "epochs": 10, "seed": 2**62, "validation_split": 0.1, "early_stopping": None}
    return NewJob(**{"id": job_id, "name": name, "spec": spec, "effective_spec": effective_spec, **fields})


async def create(store: Store, job_id: str = "job-1", *, age: float = 0, **fields: Any) -> Job:
    """A QUEUED job."""
    return await store.create_job(new_job(job_id, **fields), at(age))


async def start(store: Store, job_id: str = "job-1", now: datetime.datetime = START) -> Attempt:
    """A STARTING job's new attempt."""
    attempt = await store.start_attempt(job_id, "cpu:0", f"token of {job_id} at {now}", now)
    assert attempt is not None
    return attempt


async def begin(store: Store, job_id: str = "job-1", **fields: Any) -> Attempt:
    """The first attempt of a new job, RUNNING."""
    await create(store, job_id, **fields)
    attempt = await start(store, job_id)
    await store.report(job_id, attempt.number, [], None, START)
    return attempt


def step_metric(step: int, value: float = 0.5, name: str = "train/loss") -> Metric:
    """A value of one step."""
    return Metric(Scope.STEP, name, step, 1, value)


def epoch_metric(epoch: int, value: float = 0.5, name: str = "val/loss") -> Metric:
    """A value of one epoch of ten steps."""
    return Metric(Scope.EPOCH, name, 10 * epoch, epoch, value)


def progress(step: int) -> Progress:
    """Progress of a job of two epochs of ten steps."""
    return Progress(1 + step // 10, 2, step, 20, 1234.5, eta_s=0.1)


def manifest(step: int, *parts: bytes) -> Manifest:
    """A checkpoint of one tensor, in these parts."""
    digests = tuple(hashlib.sha256(part).hexdigest() for part in parts or (WEIGHTS,))
    entry = TensorEntry("model/0.weight", "float32", (2, 3), digests, sum(map(len, parts or (WEIGHTS,))))
    return Manifest(step // 10, step, (entry,), '{"best": 0.1, "waited": 2}')


async def put(blobs: BlobStore, *parts: bytes) -> None:
    """Store blobs under their digests."""
    await blobs.put({hashlib.sha256(part).hexdigest(): part for part in parts or (WEIGHTS,)})


async def commit(store: Store, job_id: str = "job-1", *, attempt: int = 1, step: int = 10) -> Checkpoint:
    """A checkpoint of the job; its blobs must be there."""
    return await store.commit_checkpoint(job_id, attempt, manifest(step), Retention(2), START)


async def upload(store: Store) -> Dataset:
    """A data set without any bytes, as if a user had uploaded it."""
    info = DatasetInfo("flowers", "Two flowers.", "image", (1, 2, 1), ("rose", "tulip"), 2, 0, False)
    return await store.create_dataset(Content(info, 255.0, ()), START)


def publication(step: int = 20) -> Publication:
    """What a trainer publishes."""
    return Publication(manifest(step), DEFINITION, parameters=10**10)


def empty_publication() -> Publication:
    """A model without weights: no blob need be there."""
    return Publication(Manifest(1, 10, ()), DEFINITION, parameters=0)

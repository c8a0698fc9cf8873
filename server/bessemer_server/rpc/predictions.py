"""What a prediction has found, from the blobs of its last checkpoint to messages: of any size, a few MiB at a time."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Iterable

from bessemer.v1 import jobs_pb2 as pb
from bessemer_server.domain import errors, ports, predictions
from bessemer_server.domain.checkpoints import Manifest, TensorEntry
from bessemer_server.domain.jobs import Job
from bessemer_server.domain.states import State

MESSAGE_BYTES = 1 << 20
"""About so large a message is, if one sample is not larger."""
TRUE_CLASS = struct.Struct("<i")


async def read(
    store: ports.Checkpoints, blobs: ports.BlobStore, job: Job
) -> AsyncIterator[pb.ReadPredictionsResponse]:
    """A header, then rows. Raises `FailedPrecondition` for a job that has none, `DataLoss`."""
    _check(job)
    found = await store.latest_checkpoint(job.id)
    if found is None:
        raise errors.DataLoss(
            f"the predictions of job {job.id} are damaged; submit the job again, or restore the database",
            reason="PREDICTIONS_DAMAGED",
        )
    entries = {entry.name: entry for entry in found.manifest.tensors}
    probabilities = entries[predictions.PROBABILITIES]
    samples, _ = probabilities.shape
    yield pb.ReadPredictionsResponse(header=_header(found.manifest, samples))
    row_bytes = probabilities.size_bytes // samples
    rows = max(1, MESSAGE_BYTES // row_bytes)
    true_parts = _cut(blobs, entries[predictions.TRUE_CLASSES], rows * TRUE_CLASS.size)
    async for part in _cut(blobs, probabilities, rows * row_bytes):
        true_classes = (index for (index,) in TRUE_CLASS.iter_unpack(await anext(true_parts)))
        yield pb.ReadPredictionsResponse(
            rows=pb.PredictionRows(probabilities=part, true_classes=true_classes)
        )


def _check(job: Job) -> None:
    if not job.is_prediction:
        raise errors.FailedPrecondition(
            f"job {job.id} trains and predicts nothing; ask the model that it publishes",
            reason="NO_PREDICTION",
        )
    if job.state is not State.SUCCEEDED:
        raise errors.FailedPrecondition(
            f"job {job.id} is {job.state}: its predictions can be read when it has SUCCEEDED",
            reason="JOB_NOT_SUCCEEDED",
        )


def _header(manifest: Manifest, samples: int) -> pb.PredictionsHeader:
    state = json.loads(manifest.state_json)
    labels, dataset_labels = state[predictions.LABELS], state[predictions.DATASET_LABELS]
    return pb.PredictionsHeader(samples=samples, labels=labels, dataset_labels=dataset_labels)


async def _cut(blobs: ports.BlobStore, entry: TensorEntry, size_bytes: int) -> AsyncIterator[bytes]:
    """The bytes of a tensor in pieces of this size, but for the last one."""
    waiting = b""
    for digest in entry.digests:
        waiting += await blobs.get(digest)
        whole = len(waiting) // size_bytes * size_bytes
        for piece in _slices(waiting[:whole], size_bytes):
            yield piece
        waiting = waiting[whole:]
    if waiting:
        yield waiting


def _slices(data: bytes, size_bytes: int) -> Iterable[bytes]:
    return (data[start : start + size_bytes] for start in range(0, len(data), size_bytes))

"""The trainer's client of the server. Calls wait for a server that restarts, and end the trainer when it is stale."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer.worker.v1 import worker_pb2_grpc
from bessemer_server.domain import bases, checkpoints, datasets, errors, jobs, models, predictions
from bessemer_server.worker import wire

if TYPE_CHECKING:  # importing NumPy starts threads, and this is imported before the fork
    import numpy as np
    import numpy.typing as npt

T = TypeVar("T")

PATIENCE_S = 600.0
"""How long a trainer waits for its server to come back."""
RETRY_MIN_S, RETRY_MAX_S = 0.05, 1.0
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The default reaches two minutes: too long for a server that is back after one second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Stale(Exception):
    """The server has given the job to another attempt, or ended it."""


class Lost(Exception):
    """The server no longer has these bytes, or others in their place."""


class Missing(Exception):
    """Blobs that were there are not any more, or were found damaged since: they must be uploaded again."""


class Unreachable(Exception):
    """The server did not come back in time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """What to do, where, and from which checkpoint on."""

    job_id: str
    attempt: int
    spec: Mapping[str, Any]
    device: str
    threads: int
    dataset_dir: str
    cache_dir: str
    resume_from: checkpoints.Manifest | None
    dataset: datasets.Content | None
    """The uploaded data set, where it is one."""
    validation: datasets.Content | None
    """The same of the data set to validate on."""
    bases: Mapping[str, bases.Base]
    """The models that the job begins with, by reference."""
    asked: predictions.Asked | None
    """The model that the job predicts with; None for one that trains."""


def _read_content(body: str) -> datasets.Content | None:
    return datasets.Content.from_json(json.loads(body)) if body else None


class Client:
    """Blocking calls, each repeated while the server is away. Thread-safe."""

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._stub = worker_pb2_grpc.WorkerServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),)

    def get_assignment(self) -> Assignment:
        """What this attempt is to do."""
        found = self._call(self._stub.GetAssignment, pb.GetAssignmentRequest())
        return Assignment(
            job_id=found.job_id,
            attempt=found.attempt,
            spec=json.loads(found.spec_json),
            device=found.device,
            threads=found.threads,
            dataset_dir=found.dataset_dir,
            cache_dir=found.cache_dir,
            resume_from=wire.manifest_from_wire(found.resume_from) if found.HasField("resume_from") else None,
            dataset=_read_content(found.dataset_json),
            validation=_read_content(found.validation_json),
            bases={
                reference: bases.Base.from_json(base)
                for reference, base in json.loads(found.bases_json or "{}").items()
            },
            asked=predictions.Asked.from_json(json.loads(found.asked_json)) if found.asked_json else None,
        )

    def open_reports(self, requests: Iterator[pb.ReportRequest]) -> Iterator[pb.ReportResponse]:
        """The report stream. Not repeated here: its owner knows what was acknowledged."""
        responses: Iterator[pb.ReportResponse] = self._stub.Report(requests, metadata=self._metadata)
        return responses

    def upload_missing(self, blobs: Mapping[str, memoryview]) -> None:
        """Send those of the blobs, by digest, that the server lacks."""
        request = pb.FindMissingBlobsRequest(digests=list(blobs))
        missing = self._call(self._stub.FindMissingBlobs, request).digests
        if not missing:
            return

        def upload(_: None, metadata: Any) -> None:
            messages = (pb.UploadBlobsRequest(blob=pb.Blob(digest=d, data=bytes(blobs[d]))) for d in missing)
            self._stub.UploadBlobs(messages, metadata=metadata)

        self._call(upload, None)

    def download(self, digests: Iterable[str]) -> dict[str, bytes]:
        """The blobs by digest. Raises `Lost`."""

        def read(request: pb.DownloadBlobsRequest, metadata: Any) -> dict[str, bytes]:
            return {b.digest: b.data for b in self._stub.DownloadBlobs(request, metadata=metadata)}

        try:
            return self._call(read, pb.DownloadBlobsRequest(digests=sorted(set(digests))))
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.DATA_LOSS, grpc.StatusCode.NOT_FOUND):
                raise Lost(error.details()) from None
            raise

    def commit_checkpoint(self, manifest: checkpoints.Manifest) -> None:
        """Make it visible; its blobs have been uploaded. Raises `Missing`."""
        with _translated():
            self._call(
                self._stub.CommitCheckpoint,
                pb.CommitCheckpointRequest(manifest=wire.manifest_to_wire(manifest)),
            )

    def record_pictures(self, epoch: int, pictures: npt.NDArray[np.uint8]) -> None:
        """Keep what a generator drew at the end of an epoch: [N, H, W, C]."""
        request = pb.RecordPicturesRequest(epoch=epoch, shape=pictures.shape, data=pictures.tobytes())
        self._call(self._stub.RecordPictures, request)

    def finish_succeeded(self, publication: models.Publication) -> None:
        """The attempt is over: publish. Raises `Missing`."""
        succeeded = pb.Succeeded(
            weights=wire.manifest_to_wire(publication.weights),
            definition_json=json.dumps(publication.definition),
            parameters=publication.parameters,
        )
        with _translated():
            self._finish(pb.FinishAttemptRequest(succeeded=succeeded))

    def finish_predicted(self, result: checkpoints.Manifest) -> None:
        """The attempt is over, and so is the job: here is what it found. Raises `Missing`."""
        predicted = pb.Predicted(result=wire.manifest_to_wire(result))
        with _translated():
            self._finish(pb.FinishAttemptRequest(predicted=predicted))

    def finish_failed(self, failure: jobs.Failure) -> None:
        """The attempt is over, and so is the job."""
        failed = pb.Failed(
            reason=failure.reason.value,
            message=failure.message,
            next_step=failure.next_step,
            evidence=failure.evidence,
        )
        self._finish(pb.FinishAttemptRequest(failed=failed))

    def finish_cancelled(self) -> None:
        """The attempt is over, as was asked."""
        self._finish(pb.FinishAttemptRequest(cancelled=pb.Cancelled()))

    def finish_preempted(self) -> None:
        """The attempt is over; its checkpoint is in the store."""
        self._finish(pb.FinishAttemptRequest(preempted=pb.Preempted()))

    def _finish(self, request: pb.FinishAttemptRequest) -> None:
        self._call(self._stub.FinishAttempt, request)

    def _call(self, method: Callable[..., T], request: Any) -> T:
        patience = Patience()
        for pause_s in patience.pauses():
            try:
                return method(request, metadata=self._metadata)
            except grpc.RpcError as error:
                patience.check(error)
                time.sleep(pause_s)
        raise Unreachable(f"no answer for {PATIENCE_S:.0f} s")


class Patience:
    """How long one call is repeated: while the server is away for `PATIENCE_S` at most, while its disk is full for ever."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._heard_s = monotonic_s()

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further try, doubling up to a second, until the patience is used up."""
        pause_s = RETRY_MIN_S
        while self._monotonic_s() - self._heard_s < PATIENCE_S:
            yield pause_s
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    def check(self, error: grpc.RpcError) -> None:
        """Return if the same call may succeed later, raise `Stale` if the attempt is over, else raise the error itself."""
        code = error.code()
        if code in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAUTHENTICATED):
            raise Stale(error.details()) from None
        if _is_disk_full(error):
            self._heard_s = self._monotonic_s()  # a server that answers has not left its trainers
        elif code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise error


def _is_disk_full(error: grpc.RpcError) -> bool:
    """gRPC itself uses the same code for messages that are too large: the reason tells them apart."""
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return False
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    return status is not None and any(
        detail.Unpack(info) and info.reason == errors.DiskFull.default_reason for detail in status.details
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
            raise Missing(error.details()) from None
        raise


@contextlib.contextmanager
def connect(address: str, token: str) -> Iterator[Client]:
    """A client over a channel of its own. Call after the fork: gRPC does not survive one."""
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        yield Client(channel, token)

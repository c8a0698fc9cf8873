"""WorkerService: what trainers report, upload and ask."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import pathlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer.worker.v1 import worker_pb2_grpc
from bessemer_server.domain import errors, models, ports
from bessemer_server.domain.checkpoints import Checkpoint, Retention
from bessemer_server.domain.holders import Holder
from bessemer_server.domain.jobs import Attempt, Command, Failure, ModelReference, Reason, Time
from bessemer_server.domain.pictures import Pictures
from bessemer_server.domain.predictions import Asked
from bessemer_server.rpc import planning
from bessemer_server.scheduling import losses, policy
from bessemer_server.scheduling.collector import Collector
from bessemer_server.scheduling.loop import Scheduler, digest_token, utc_now
from bessemer_server.scheduling.notices import Notices
from bessemer_server.worker import wire

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

PICTURE_AXES = 4
UPLOAD_COMMIT_BYTES = 8 * 1024 * 1024
"""Each commit waits for the disk: small blobs share one, and memory stays bounded."""
CANCEL_GRACE_S = 30.0
"""A trainer that was told to cancel and goes on reporting for so long is ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """What a trainer of this server may use."""

    threads: int
    """CPU threads of one trainer."""
    dataset_dir: pathlib.Path | None
    cache_dir: pathlib.Path
    keep_checkpoints: int
    """Newest checkpoints that are kept of a job that does not say how many."""


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    """The server's end of the worker protocol. Every call is of one attempt, known by its token."""

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.BlobStore,
        scheduler: Scheduler,
        notices: Notices,
        resources: Resources,
        *,
        logs: ports.Logs,
        collector: Collector,
        published: Callable[[str], None] = lambda name: None,
        clock: Callable[[], Time] = utc_now,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._scheduler = scheduler
        self._notices = notices
        self._logs = logs
        self._resources = resources
        self._collector = collector
        self._published = published
        self._clock = clock

    async def GetAssignment(self, request: pb.GetAssignmentRequest, context: Context) -> pb.Assignment:
        """The job, its device, and the checkpoint to go on from."""
        attempt = await self._current(context)
        job = await self._store.get_job(attempt.job_id)
        checkpoint = await self._latest_checkpoint(attempt.job_id)
        return pb.Assignment(
            job_id=job.id,
            attempt=attempt.number,
            spec_json=json.dumps(job.effective_spec),
            device=policy.device_of(attempt.slot),
            threads=await self._store.pin_threads(job.id, attempt.number, self._resources.threads),
            dataset_dir=str(self._resources.dataset_dir or ""),
            cache_dir=str(self._resources.cache_dir),
            dataset_json=await self._dataset_json(job.dataset_digest),
            validation_json=await self._dataset_json(job.validation_digest),
            bases_json=json.dumps(await self._bases(job.effective_spec)),
            asked_json=await self._asked_json(job.asked_model),
            resume_from=wire.manifest_to_wire(checkpoint.manifest) if checkpoint else None,
        )

    async def _latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        """The newest that is sound, as far as its manifest tells; those that are not are reported."""
        while True:
            try:
                return await self._store.latest_checkpoint(job_id)
            except errors.DamagedBlob as error:
                await self._report_damage(error.digest, error.message)

    async def _dataset_json(self, digest: str) -> str:
        """The content of an uploaded data set that a job is pinned to; the store keeps it as long as the job lives."""
        found = await self._store.find_dataset(digest=digest) if digest else None
        return json.dumps(dataclasses.asdict(found.content)) if found else ""

    async def _bases(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The models that a job begins with, by reference; the store keeps them as long as the job has not ended."""
        found = await planning.find_bases(self._store, spec)
        return {reference: dataclasses.asdict(base) for reference, base in found.items()}

    async def _asked_json(self, reference: ModelReference | None) -> str:
        """The model that a job predicts with; the store keeps it as long as the job has not ended."""
        if reference is None:
            return ""
        model = await self._store.get_model(reference.name, reference.version)
        return json.dumps(dataclasses.asdict(Asked.of(model)))

    async def Report(
        self, request_iterator: AsyncIterator[pb.ReportRequest], context: Context
    ) -> AsyncIterator[pb.ReportResponse]:
        """Record what comes, and answer each message with what the trainer should do."""
        attempt = await self._authenticate(context)
        cancelled_s = math.inf
        async for request in request_iterator:
            with self._scheduler.hearing(attempt):
                command = await self._store.report(
                    attempt.job_id,
                    attempt.number,
                    [wire.metric_from_wire(point) for point in request.metrics],
                    wire.progress_from_wire(request.progress) if request.HasField("progress") else None,
                    self._clock(),
                    run_s=request.run_seconds,
                )
            self._notices.announce(attempt.job_id)
            if command is Command.CANCEL:  # heard, for reports come from a thread of their own; and obeyed?
                now_s = time.monotonic()
                cancelled_s = min(cancelled_s, now_s)
                command = Command.END if now_s - cancelled_s > CANCEL_GRACE_S else command
            if command is Command.END:
                await self._scheduler.end_overdue(attempt)
                command = Command.PREEMPT
            if command is Command.CONTINUE and self._scheduler.is_draining:
                command = Command.PREEMPT
            yield pb.ReportResponse(acknowledged_sequence=request.sequence, command=command.name)

    async def FindMissingBlobs(
        self, request: pb.FindMissingBlobsRequest, context: Context
    ) -> pb.FindMissingBlobsResponse:
        """Which blobs to upload; all of them are kept for the attempt from now on."""
        attempt = await self._authenticate(context)
        holder = Holder(attempt.job_id, attempt.number)
        missing = await self._store.hold_blobs(holder, request.digests, self._clock())
        return pb.FindMissingBlobsResponse(digests=missing)

    async def UploadBlobs(
        self, request_iterator: AsyncIterator[pb.UploadBlobsRequest], context: Context
    ) -> pb.UploadBlobsResponse:
        """Store blobs as they come, several in one commit."""
        await self._current(context)
        waiting: dict[str, bytes] = {}
        async for request in request_iterator:
            waiting[request.blob.digest] = request.blob.data
            if sum(map(len, waiting.values())) >= UPLOAD_COMMIT_BYTES:
                await self._blobs.put(waiting)
                waiting = {}
        await self._blobs.put(waiting)
        return pb.UploadBlobsResponse()

    async def DownloadBlobs(
        self, request: pb.DownloadBlobsRequest, context: Context
    ) -> AsyncIterator[pb.Blob]:
        """Read blobs."""
        await self._current(context)
        for digest in request.digests:
            try:
                data = await self._blobs.get(digest)
            except (errors.DataLoss, errors.NotFound) as error:
                await self._report_damage(digest, error.message)
                raise
            yield pb.Blob(digest=digest, data=data)

    async def _report_damage(self, digest: str, message: str) -> None:
        told = await self._store.mark_damaged(digest, self._clock())
        log.error("a blob is damaged", extra={"digest": digest, "error": message, "jobs": list(told)})
        for job_id in told:
            self._notices.announce(job_id)

    async def CommitCheckpoint(
        self, request: pb.CommitCheckpointRequest, context: Context
    ) -> pb.CommitCheckpointResponse:
        """Make a checkpoint visible."""
        attempt = await self._authenticate(context)
        job = await self._store.get_job(attempt.job_id)
        checkpoint = await self._store.commit_checkpoint(
            attempt.job_id,
            attempt.number,
            wire.manifest_from_wire(request.manifest),
            Retention.of(job.effective_spec, self._resources.keep_checkpoints),
            self._clock(),
        )
        self._notices.announce(attempt.job_id)
        return pb.CommitCheckpointResponse(checkpoint_id=checkpoint.id)

    async def RecordPictures(
        self, request: pb.RecordPicturesRequest, context: Context
    ) -> pb.RecordPicturesResponse:
        """Keep what a generator drew."""
        attempt = await self._authenticate(context)
        if len(request.shape) != PICTURE_AXES or math.prod(request.shape) != len(request.data):
            raise errors.InvalidArgument(
                f"pictures of shape {list(request.shape)} do not have {len(request.data)} bytes"
            )
        count, height, width, channels = request.shape
        drawn = Pictures(request.epoch, (count, height, width, channels), request.data)
        await self._store.record_pictures(attempt.job_id, attempt.number, drawn, self._clock())
        return pb.RecordPicturesResponse()

    async def FinishAttempt(
        self, request: pb.FinishAttemptRequest, context: Context
    ) -> pb.FinishAttemptResponse:
        """Settle the attempt."""
        attempt = await self._authenticate(context)
        job_id, number, now = attempt.job_id, attempt.number, self._clock()
        match request.WhichOneof("outcome"):
            case "succeeded":
                model = await self._store.succeed(job_id, number, _publication(request.succeeded), now)
                self._published(model.name)
            case "predicted":
                result = wire.manifest_from_wire(request.predicted.result)
                await self._store.complete(job_id, number, result, now)
            case "failed":
                failed = request.failed
                said = Failure(Reason(failed.reason), failed.message, failed.next_step, dict(failed.evidence))
                await self._scheduler.settle_failure(job_id, number, said)
            case "cancelled":
                await self._store.confirm_cancel(job_id, number, now)
            case "preempted":
                await self._scheduler.lose(job_id, number, losses.from_shutdown(), is_loss=False)
            case _:
                raise errors.InvalidArgument("FinishAttempt needs an outcome")
        self._notices.announce(job_id)
        self._scheduler.wake()
        self._collector.wake()
        return pb.FinishAttemptResponse()

    async def _authenticate(self, context: Context) -> Attempt:
        """The attempt that the call's token was made for; whether it is current is checked with each write."""
        metadata = dict(context.invocation_metadata() or ())
        kind, _, token = str(metadata.get("authorization", "")).partition(" ")
        if kind != "Bearer" or not token:
            raise errors.Unauthenticated("a worker's call needs `authorization: Bearer <token>`")
        return await self._store.authenticate(digest_token(token))

    async def _current(self, context: Context) -> Attempt:
        """As `_authenticate`, for calls that write nothing which the store would check."""
        attempt = await self._authenticate(context)
        job = await self._store.get_job(attempt.job_id)
        if job.attempt != attempt.number or not job.state.is_active:
            raise errors.StaleAttempt(
                f"attempt {attempt.number} of job {job.id} is over: the job is {job.state}, attempt {job.attempt}"
            )
        return attempt


def _publication(message: pb.Succeeded) -> models.Publication:
    return models.Publication(
        wire.manifest_from_wire(message.weights), json.loads(message.definition_json), message.parameters
    )

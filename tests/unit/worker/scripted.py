"""A server that keeps what one trainer tells it, over a real wire; what it answers is up to the test."""

# ruff: noqa: N802 - the names are those of the RPCs

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer.worker.v1 import worker_pb2_grpc
from bessemer_server.worker import reporting


class Server(worker_pb2_grpc.WorkerServiceServicer):
    """Takes every report and every checkpoint."""

    def __init__(self, spec: Mapping[str, Any] | None = None) -> None:
        self._spec = spec or {}
        self.steps: list[int] = []
        """Of the metric points, as they came."""
        self.progress: list[int] = []
        """Steps that were told to be done."""
        self.saved: dict[int, list[int]] = {}
        """By step of a checkpoint, the steps of the points that were there before it."""
        self.has_saved = threading.Event()
        self.finished: list[pb.FinishAttemptRequest] = []
        self.before_answer: Callable[[], None] = lambda: None
        """Done when a report was taken and is not acknowledged yet."""
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        """What each checkpoint is refused with."""

    def GetAssignment(self, request: pb.GetAssignmentRequest, context: grpc.ServicerContext) -> pb.Assignment:
        """The job of the test."""
        return pb.Assignment(
            job_id="job", attempt=1, spec_json=json.dumps(self._spec), device="cpu", threads=1
        )

    def Report(
        self, request_iterator: Iterator[pb.ReportRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.ReportResponse]:
        """Keep what comes."""
        for request in request_iterator:
            self.before_answer()
            self.steps += [point.step for point in request.metrics]
            if request.HasField("progress"):
                self.progress.append(request.progress.step)
            yield pb.ReportResponse(acknowledged_sequence=request.sequence, command="CONTINUE")

    def FindMissingBlobs(
        self, request: pb.FindMissingBlobsRequest, context: grpc.ServicerContext
    ) -> pb.FindMissingBlobsResponse:
        """None: the bytes are of no interest here."""
        return pb.FindMissingBlobsResponse()

    def CommitCheckpoint(
        self, request: pb.CommitCheckpointRequest, context: grpc.ServicerContext
    ) -> pb.CommitCheckpointResponse:
        """Note what was known before it, or refuse it."""
        if self.refusal:
            context.abort(*self.refusal)
        self.saved[request.manifest.step] = list(self.steps)
        self.has_saved.set()
        return pb.CommitCheckpointResponse()

    def FinishAttempt(
        self, request: pb.FinishAttemptRequest, context: grpc.ServicerContext
    ) -> pb.FinishAttemptResponse:
        """Keep the outcome."""
        self.finished.append(request)
        return pb.FinishAttemptResponse()


@contextlib.contextmanager
def serve(server: Server, folder: Path) -> Iterator[reporting.Client]:
    """A trainer's client of the server."""
    address = f"unix:{folder}/w.sock"
    wire = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(server, wire)
    wire.add_insecure_port(address)
    wire.start()
    try:
        with reporting.connect(address, "token") as client:
            yield client
    finally:
        wire.stop(grace=None).wait()

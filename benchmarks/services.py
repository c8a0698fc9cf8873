"""A service started as its command, on a data folder of its own, and calls to it without the SDK in between."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf import json_format

from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import catalog_pb2, catalog_pb2_grpc, jobs_pb2, jobs_pb2_grpc

READY = re.compile(r"bessemer-server listening on (\S+) ")
STOP_GRACE_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A service that listens."""

    pid: int
    spawned: float
    """`time.perf_counter()` just before its process was started."""
    channel: grpc.Channel
    address: str
    """Where it listens, for clients of their own."""

    def list_jobs(self) -> None:
        """A call that goes through to the database."""
        jobs_pb2_grpc.JobServiceStub(self.channel).ListJobs(jobs_pb2.ListJobsRequest(), timeout=60)

    def warm_up(self) -> None:
        """Wait until the fork server has torch and the planner answers."""
        stub = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        stub.ListArchitectures(catalog_pb2.ListArchitecturesRequest(), timeout=120)

    def submit(self, spec: dict[str, Any], name: str) -> str:
        """Create a job; returns its id."""
        job = jobs_pb2.Job(name=name, spec=json_format.ParseDict(spec, jobs_pb2.TrainingSpec()))
        request = jobs_pb2.CreateJobRequest(job=job, request_id=f"{name}-{time.time_ns()}")
        created: jobs_pb2.Job = jobs_pb2_grpc.JobServiceStub(self.channel).CreateJob(request, timeout=60)
        return created.id

    def watch(self, job_id: str) -> Iterator[jobs_pb2.JobEvent]:
        """The job's events as they come, until it has ended."""
        request = jobs_pb2.WatchJobRequest(id=job_id)
        yield from jobs_pb2_grpc.JobServiceStub(self.channel).WatchJob(request, timeout=600)

    def load(self, model: str) -> None:
        """Have a published model loaded and warmed: the predictor is there afterwards."""
        call = self.channel.unary_unary(
            "/inference.GRPCInferenceService/ModelReady",
            request_serializer=inference_pb2.ModelReadyRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelReadyResponse.FromString,
        )
        if not call(inference_pb2.ModelReadyRequest(name=model), timeout=60).ready:
            raise RuntimeError(f"model {model} is not ready")


@contextlib.contextmanager
def start(*flags: str) -> Iterator[Service]:
    """Start a service on an empty data folder; stop it and forget its data at the end."""
    with tempfile.TemporaryDirectory(prefix="bessemer-bench-") as folder, start_on(folder, *flags) as service:
        yield service


@contextlib.contextmanager
def start_on(folder: str, *flags: str) -> Iterator[Service]:
    """Start a service on this data folder; stop it at the end."""
    command = [sys.executable, "-m", "bessemer_server", "--listen", "127.0.0.1:0", "--data-dir", folder]
    spawned = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--log-level", "error", "--stop-with-stdin", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        address = _read_address(process.stdout)
        with grpc.insecure_channel(address) as channel:
            yield Service(process.pid, spawned, channel, address)
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _read_address(output: Any) -> str:
    for line in output:
        if found := READY.match(line):
            return found[1]
    raise RuntimeError("the service ended before it listened; what it said is above")

"""From a request for a job to the job that the store is given: checked as a whole, with every default filled in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bessemer.v1 import jobs_pb2 as pb
from bessemer_server.domain import errors, jobs, ports
from bessemer_server.domain.datasets import Dataset
from bessemer_server.rpc import planning, specs

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NAME_MAX = 63
REQUEST_ID_MAX = 128
REQUEST_ID = re.compile(rf"[^\0]{{0,{REQUEST_ID_MAX}}}")
MAX_RUNTIME_S = 10 * 366 * 86_400.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Work:
    """What a job does, by the specification that was sent."""

    effective_spec: Mapping[str, Any]
    name: str
    """Of a job that is given none."""
    uploads: Mapping[str, Dataset]
    """Data sets of the specification that were uploaded, by field."""
    asked_model: jobs.ModelReference | None = None


async def find_first(store: ports.Jobs, request: pb.CreateJobRequest) -> jobs.Job | None:
    """The job that this very request has made before. It is not planned again: what the job was made of may be gone by now, and
    the answer stays the same.
    """
    if request.validate_only or not request.request_id or not REQUEST_ID.fullmatch(request.request_id):
        return None
    return await store.find_submitted(request.request_id, _fingerprint(request.job, _read_spec(request.job)))


async def prepare(
    store: ports.Store, planner: ports.Planner, request: pb.CreateJobRequest, job_id: str
) -> jobs.NewJob:
    """The job. Raises `errors.InvalidArgument` with the violations of all fields at once."""
    violations = list(_check(request))
    spec = _read_spec(request.job)
    try:
        work = await _plan(store, planner, request.job, spec)
    except errors.InvalidArgument as error:
        raise errors.InvalidArgument(violations=[*violations, *error.violations]) from error
    if violations:
        raise errors.InvalidArgument(violations=violations)
    return jobs.NewJob(
        id=job_id,
        name=request.job.name or work.name,
        spec=spec,
        effective_spec=work.effective_spec,
        request_id=request.request_id,
        fingerprint=_fingerprint(request.job, spec),
        dataset_digest=_digest(work.uploads.get("dataset")),
        validation_digest=_digest(work.uploads.get("validation_dataset")),
        priority=request.job.priority,
        max_runtime_s=_max_runtime_s(request.job),
        asked_model=work.asked_model,
    )


def _read_spec(job: pb.Job) -> Mapping[str, Any]:
    """What was sent."""
    return specs.prediction_from_wire(job.prediction) if _is_prediction(job) else specs.from_wire(job.spec)


def _is_prediction(job: pb.Job) -> bool:
    return bool(job.WhichOneof("work") == "prediction")


async def _plan(store: ports.Store, planner: ports.Planner, job: pb.Job, spec: Mapping[str, Any]) -> _Work:
    if _is_prediction(job):
        effective_spec, asked, uploaded = await planning.plan_prediction(store, planner, spec)
        name = f"{asked.name}-{effective_spec['dataset']}"[:NAME_MAX]
        return _Work(effective_spec, name, {"dataset": uploaded} if uploaded else {}, asked)
    plan, uploads = await planning.plan(store, planner, spec)
    return _Work(plan.effective_spec, _name_training(spec), uploads)


def _name_training(spec: Mapping[str, Any]) -> str:
    return f"{spec['architecture']}-{spec['dataset']}"


def _check(request: pb.CreateJobRequest) -> Iterator[errors.Violation]:
    """What is wrong beside the specification."""
    name, priority = request.job.name, request.job.priority
    if name and not NAME.fullmatch(name):
        description = (
            f"must start with a lower-case letter or a digit and hold only those, '-', '_' and '.', at most {NAME_MAX} "
            f"characters, but is {name!r}"
        )
        yield errors.Violation("name", description)
    if abs(priority) > jobs.PRIORITY_MAX:
        description = f"must be from -{jobs.PRIORITY_MAX} to {jobs.PRIORITY_MAX}, but is {priority}"
        yield errors.Violation("priority", description)
    max_runtime_s = _max_runtime_s(request.job)
    if max_runtime_s is not None and not 0 < max_runtime_s <= MAX_RUNTIME_S:
        description = (
            f"must be above 0 and at most {MAX_RUNTIME_S:g} s (ten years), but is {max_runtime_s:g} s"
        )
        yield errors.Violation("max_runtime", description)
    if not REQUEST_ID.fullmatch(request.request_id):
        description = f"must have at most {REQUEST_ID_MAX} characters, none of them NUL"
        yield errors.Violation("request_id", description)


def _digest(dataset: Dataset | None) -> str:
    return dataset.digest if dataset else ""


def _max_runtime_s(job: pb.Job) -> float | None:
    """In seconds, whatever number it is; None when it is not set."""
    return job.max_runtime.seconds + job.max_runtime.nanos / 1e9 if job.HasField("max_runtime") else None


def _fingerprint(job: pb.Job, spec: Mapping[str, Any]) -> str:
    """Of what was asked. The name that a prediction is given does not count: it depends on what its model is by now."""
    name = job.name if _is_prediction(job) else job.name or _name_training(spec)
    body = [name, spec, job.priority, _max_runtime_s(job)]
    while not body[-1]:  # what was added later does not count while it is not used
        body.pop()
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

"""What both faces of the SDK share: building requests and reading answers. Pure, no I/O."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping

from bessemer import _faults, errors
from bessemer.v1 import jobs_pb2, models_pb2

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A larger request is never retried: the default of 256 KiB is less than a small batch of images.
    ("grpc.per_rpc_retry_buffer_size", 64 * 1024 * 1024),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A line can go dead without a word, and a quiet stream would wait on it for ever. The service bears a ping each 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # gRPC's pings for other ends have a timeout of their own, and none to keep alive is sent beside them.
    ("grpc.http2.ping_timeout_ms", 15_000),
    ("grpc.http2.max_pings_without_data", 0),  # not only the first two of a silence
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        # Watching reconnects by itself, behind the last event; and a stream that gRPC retried has waited for
                        # ever when the server was killed at its beginning (as in grpc/grpc#41036). An upload is long: where a
                        # server that stops cuts it, its reason is told, and not that nothing answers a second later.
                        "name": [
                            {"service": "bessemer.v1.JobService", "method": "WatchJob"},
                            {"service": "bessemer.v1.JobService", "method": "ReadPredictions"},
                            {"service": "bessemer.v1.ModelService", "method": "UploadModel"},
                            {"service": "bessemer.v1.DatasetService", "method": "UploadDataset"},
                        ],
                    },
                    {
                        # Every call here can be repeated: reads, predictions, cancel, and CreateJob with its key.
                        "name": [
                            {"service": "bessemer.v1.JobService"},
                            {"service": "bessemer.v1.ModelService"},
                            {"service": "bessemer.v1.DatasetService"},
                            {"service": "bessemer.v1.CatalogService"},
                            {"service": "inference.GRPCInferenceService"},
                        ],
                        "retryPolicy": {
                            "maxAttempts": 4,
                            "initialBackoff": "0.1s",
                            "maxBackoff": "1s",
                            "backoffMultiplier": 3,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    },
                ]
            }
        ),
    ),
]

INFER_METHOD = "/inference.GRPCInferenceService/ModelInfer"
"""The protocol's standard name: the generated stub would call our own package's."""
PAGE_SIZE = 200
VERSION = re.compile(r"[0-9]+|[A-Za-z][A-Za-z0-9._-]*")
"""A version or an alias, or nearly: the service knows the rest."""
PRIORITY_MAX = 100
ADDRESS = re.compile(r"(unix|dns|ipv4|ipv6):.+|(\[[\da-fA-F:.]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5})")


def check_address(address: str) -> None:
    """Raise `InvalidArgument` for what is no address; gRPC would say so late and in riddles."""
    match = ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if not match or not 0 < int(match["port"] or 1) < 2**16:
        description = f"must be HOST:PORT, e.g. localhost:50051, but is {address!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("address", description),))


def build_metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """What goes along with every call."""
    return (("authorization", f"Bearer {token}"),) if token else ()


def explain_closed(address: str) -> errors.FailedPrecondition:
    """The error of a call by a client that was closed."""
    return errors.FailedPrecondition(
        f"this client of {address} is closed; make the call within its `with` block, or connect again"
    )


def build_create(
    work: jobs_pb2.TrainingSpec | jobs_pb2.PredictionSpec,
    name: str | None,
    idempotency_key: str | None,
    priority: int = 0,
    max_runtime: float | datetime.timedelta | None = None,
) -> jobs_pb2.CreateJobRequest:
    """The request that submits a job; the key makes it safe to repeat."""
    key = _faults.check_text("idempotency_key", idempotency_key or str(uuid.uuid4()))
    if isinstance(priority, bool) or not isinstance(priority, int) or abs(priority) > PRIORITY_MAX:
        description = f"must be a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}, but is {priority!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("priority", description),))
    text = "" if name is None else _faults.check_text("name", name)
    job = jobs_pb2.Job(name=text, priority=priority)
    (job.prediction if isinstance(work, jobs_pb2.PredictionSpec) else job.spec).MergeFrom(work)  # type: ignore[arg-type]
    if max_runtime is not None:
        job.max_runtime.FromTimedelta(_check_duration("max_runtime", max_runtime))
    return jobs_pb2.CreateJobRequest(job=job, request_id=key)


def _check_duration(field: str, value: float | datetime.timedelta) -> datetime.timedelta:
    """As a timedelta of a microsecond or more. Raises `InvalidArgument`."""
    try:
        duration = value if isinstance(value, datetime.timedelta) else datetime.timedelta(seconds=value)
    except (TypeError, ValueError, OverflowError):
        duration = datetime.timedelta(0)
    if isinstance(value, bool) or duration <= datetime.timedelta(0):
        description = f"must be seconds above 0, or a datetime.timedelta, but is {value!r}"
        raise errors.InvalidArgument(violations=(errors.Violation(field, description),))
    return duration


def build_get_job(job_id: str) -> jobs_pb2.GetJobRequest:
    """The request for the job with this id. Raises `InvalidArgument`."""
    return jobs_pb2.GetJobRequest(id=_faults.check_text("id", job_id))


def build_logs(job_id: str, follow: bool, after: int, attempt: int | None) -> jobs_pb2.StreamLogsRequest:
    """The request for what the trainers of a job printed. Raises `InvalidArgument`."""
    violations = []
    for field, value, lowest, most in (("after", after, 0, 2**63 - 1), ("attempt", attempt, 1, 2**31 - 1)):
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (is_number and lowest <= value <= most):
            description = f"must be a whole number from {lowest}, but is {value!r}"
            violations.append(errors.Violation(field, description))
    if violations:
        raise errors.InvalidArgument(violations=tuple(violations))
    return jobs_pb2.StreamLogsRequest(id=job_id, cursor=after, attempt=attempt or 0, follow=follow)


def parse_reference(reference: str) -> tuple[str, str]:
    """Name and version or alias of `digits-cnn@2`, `digits-cnn@champion` or `digits-cnn`; empty for the newest."""
    name, _, version = _faults.check_text("name", reference).partition("@")
    if "@" in reference and not VERSION.fullmatch(version):
        description = (
            f"behind the @ comes a version, a whole number from 1, or an alias, which begins with a letter, e.g. {name}@1 or "
            f"{name}@champion; but this is {reference!r}"
        )
        raise errors.InvalidArgument(violations=(errors.Violation("version", description),))
    return name, version


def build_get_model(reference: str) -> models_pb2.GetModelRequest:
    """The request for a model. Raises `InvalidArgument`."""
    name, version = parse_reference(reference)
    return models_pb2.GetModelRequest(name=name, version=version)


def build_delete_model(reference: str) -> models_pb2.DeleteModelRequest:
    """The request that deletes a version, or a whole model. Raises `InvalidArgument`."""
    name, version = parse_reference(reference)
    return models_pb2.DeleteModelRequest(name=name, version=version)


def build_set_alias(
    name: str, alias: str, shares: str | int | Mapping[str | int, int]
) -> models_pb2.SetModelAliasRequest:
    """The request that makes or moves an alias. Raises `InvalidArgument`."""
    given = shares if isinstance(shares, Mapping) else {shares: 1}
    if twice := [version for version, count in Counter(map(str, given)).items() if count > 1]:
        raise errors.InvalidArgument(
            violations=(errors.Violation("shares", f"names version {twice[0]} twice"),)
        )
    for version, share in given.items():
        if isinstance(share, bool) or not isinstance(share, int) or not 1 <= share < 2**31:
            description = f"must be a whole number from 1, in any unit, but is {share!r}"
            raise errors.InvalidArgument(violations=(errors.Violation(f"shares[{version}]", description),))
    message = models_pb2.ModelAlias(
        name=_faults.check_text("name", name),
        alias=_faults.check_text("alias", alias),
        shares={_faults.check_text("version", str(version)): share for version, share in given.items()},
    )
    return models_pb2.SetModelAliasRequest(alias=message)


def build_delete_alias(name: str, alias: str) -> models_pb2.DeleteModelAliasRequest:
    """The request that removes an alias. Raises `InvalidArgument`."""
    return models_pb2.DeleteModelAliasRequest(
        name=_faults.check_text("name", name), alias=_faults.check_text("alias", alias)
    )


def parse_aliases(message: models_pb2.ListModelAliasesResponse) -> dict[str, dict[str, int]]:
    """By alias, the share of each version, in the order of the versions."""
    return {
        found.alias: {version: found.shares[version] for version in sorted(found.shares, key=int)}
        for found in message.aliases
    }


def build_model_list(name: str | None, limit: int | None) -> models_pb2.ListModelsRequest:
    """The first page of the models."""
    return models_pb2.ListModelsRequest(page_size=min(limit or PAGE_SIZE, PAGE_SIZE), name=name or "")


def build_job_list(
    state: str | None, architecture: str | None, name: str | None, limit: int | None
) -> jobs_pb2.ListJobsRequest:
    """The first page of the jobs that fit. Raises `InvalidArgument`."""
    return jobs_pb2.ListJobsRequest(
        page_size=min(limit or PAGE_SIZE, PAGE_SIZE),
        states=[_parse_state(state)] if state else [],
        architecture=architecture or "",
        name=name or "",
    )


def _parse_state(state: str) -> str:
    known = [name for name in jobs_pb2.Job.State.keys() if name != "STATE_UNSPECIFIED"]  # noqa: SIM118 - no mapping
    if state.upper() not in known:
        violation = errors.Violation("state", f"there is no state {state!r}; there are {', '.join(known)}")
        raise errors.InvalidArgument(violations=(violation,))
    return state.upper()

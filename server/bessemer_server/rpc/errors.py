"""Domain errors to google.rpc.Status: one table, with details that programs can read."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from bessemer_server.domain import errors

DOMAIN = "bessemer"
CODES: dict[type[errors.DomainError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.StaleAttempt: grpc.StatusCode.ABORTED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DiskFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.DamagedBlob: grpc.StatusCode.DATA_LOSS,
    errors.DomainError: grpc.StatusCode.INTERNAL,
}


VIOLATIONS_SHOWN = 12
"""A status travels in HTTP/2 trailers, of which clients take 8 KiB; what is larger arrives as another error."""


def to_status(error: errors.DomainError) -> status_pb2.Status:
    """The status with ErrorInfo and, for faulty fields, BadRequest. Its message stands alone: some clients, tritonclient
    for one, show nothing else. Not to be changed: it is kept where nothing in it is of one request alone, since a server with more
    calls than it can answer makes the same refusal a thousand times a second.
    """
    kind: Any = type(error)
    if kind is errors.InvalidArgument:
        return _make_status(error)
    return _keep_status(kind, to_message(error), error.reason)


@functools.lru_cache(maxsize=64)
def _keep_status(kind: Any, message: str, reason: str) -> status_pb2.Status:
    return _make_status(kind(message, reason=reason))


def _make_status(error: errors.DomainError) -> status_pb2.Status:
    details = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)]
    if isinstance(error, errors.InvalidArgument) and error.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=_cut(v.field, 100), description=_cut(v.description, 200)
            )
            for v in _first(error.violations)
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    status = status_pb2.Status(code=CODES[type(error)].value[0], message=to_message(error))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def to_grpc(error: errors.DomainError) -> grpc.Status:
    """The same as gRPC sends it."""
    status: grpc.Status = rpc_status.to_status(to_status(error))
    return status


def to_message(error: errors.DomainError) -> str:
    """Its message, as long as one may be: it may quote what came."""
    return _cut(error.message, 1000)


def _first(violations: Sequence[errors.Violation]) -> list[errors.Violation]:
    shown = list(violations[:VIOLATIONS_SHOWN])
    if hidden := len(violations) - len(shown):
        shown.append(
            errors.Violation(violations[VIOLATIONS_SHOWN].field, f"this and {hidden - 1} more are wrong too")
        )
    return shown


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

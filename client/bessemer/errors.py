"""Errors of the SDK, and the one table from gRPC's status codes to them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from bessemer.events import Failure


@dataclasses.dataclass(frozen=True)
class Violation:
    """One faulty field of a request."""

    field: str
    """Path as it was typed, e.g. `optimizer.learning_rate` or `options.layers[2].conv2d.kernel`."""
    description: str
    """What is wrong, and what would be right."""


class BessemerError(Exception):
    """Base of all errors of this package."""


class NotFound(BessemerError):
    """What was named does not exist."""


class InvalidArgument(BessemerError):
    """The request can never succeed as it is; `violations` says which fields to change."""

    def __init__(self, message: str = "", violations: tuple[Violation, ...] = ()) -> None:
        lines = [f"{violation.field}: {violation.description}" for violation in violations]
        super().__init__("\n".join(lines) if lines else message)
        self.violations = violations


class AlreadyExists(BessemerError):
    """The idempotency key was used for another request."""


class FailedPrecondition(BessemerError):
    """The request is sound, but the state of things forbids it."""


class ResourceExhausted(BessemerError):
    """A bound of the server was reached; try again later, or ask for less."""


class Unauthenticated(BessemerError):
    """No token, or a wrong one."""


class PermissionDenied(BessemerError):
    """The token does not allow this."""


class Unavailable(BessemerError):
    """The server is not there, or restarts. The same call may succeed soon."""

    def __init__(self, message: str, *, is_away: bool = False) -> None:
        super().__init__(message)
        self.is_away = is_away
        """No server took the call, or one that was about to stop: it may be repeated when there is one again."""


class DeadlineExceeded(BessemerError):
    """No answer came within the timeout."""


class JobFailed(BessemerError):
    """The job that was waited for has FAILED or was CANCELLED."""

    def __init__(self, message: str, reason: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        """One of the closed list (`NON_FINITE_LOSS`, `WORKER_KILLED`, ...), or `CANCELLED`."""
        self.failure = failure
        """What was seen and what to do; None for a cancelled job."""


CODES: dict[grpc.StatusCode, type[BessemerError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def from_rpc(error: grpc.RpcError, address: str) -> BessemerError:
    """The error of this package for one of gRPC's. What gRPC itself says is told in words that help."""
    code, details = error.code(), error.details() or ""
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return Unavailable(_explain_unavailable(details, address), is_away=_is_away(error))
        case grpc.StatusCode.CANCELLED:  # not by us: the service stopped while the call was on its way in
            return Unavailable(_explain_unavailable("socket closed", address), is_away=True)
        case grpc.StatusCode.DEADLINE_EXCEEDED if details == "Deadline Exceeded":
            return DeadlineExceeded(
                f"{address} gave no answer in time; `connect(timeout=...)` sets how long to wait"
            )
        case grpc.StatusCode.UNIMPLEMENTED:
            return BessemerError(
                f"{address} does not know this call: is it Bessemer, and as new as this client?"
            )
        case grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidArgument(details, _violations(error))
    kind = CODES.get(code, BessemerError)
    return kind(details if kind is not BessemerError else f"{code.name}: {details}")


def _explain_unavailable(details: str, address: str) -> str:
    lowered = details.lower()
    if "failed to connect" in lowered:
        return (
            f"nothing answers at {address}. Start the service with `bessemer-server --listen {address}`, or use "
            f"`bessemer.local()` for a private one."
        )
    if "resol" in lowered:
        return f"{address} cannot be found: no address is known for this name. Is it spelt right?"
    if lowered in {"socket closed", "connection reset"} or lowered.startswith("recvmsg:"):
        return f"the connection to {address} broke: the service stopped or restarts"
    return details


def _is_away(error: grpc.RpcError) -> bool:
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    reasons = [info.reason for detail in (status.details if status else ()) if detail.Unpack(info)]
    return reasons in ([], ["STOPPING"])  # without a reason gRPC itself says so


def _violations(error: grpc.RpcError) -> tuple[Violation, ...]:
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    request = error_details_pb2.BadRequest()
    for detail in status.details if status else ():
        if detail.Unpack(request):
            return tuple(Violation(v.field, v.description) for v in request.field_violations)
    return ()

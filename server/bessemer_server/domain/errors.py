"""Every error that the service raises on purpose: a name, a code, a sentence. `rpc/errors.py` maps them to the wire."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Sequence
from typing import Self


class DomainError(Exception):
    """Base of all. `message` stands alone: what was wrong, where, and what would be right."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        """UPPER_SNAKE_CASE word for programs (ErrorInfo.reason)."""

    default_reason = "INTERNAL"


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One faulty field of a request."""

    field: str
    """Path, e.g. `optimizer.kind` or `options.layers[2].conv2d.kernel`."""
    description: str
    """What is wrong and what would be right."""


class InvalidArgument(DomainError):
    """The request can never succeed as it is."""

    default_reason = "INVALID_ARGUMENT"

    def __init__(self, message: str = "", *, violations: Sequence[Violation] = (), reason: str = "") -> None:
        super().__init__(
            message or "; ".join(f"{v.field}: {v.description}" for v in violations), reason=reason
        )
        self.violations = tuple(violations)


class NotFound(DomainError):
    """What was named does not exist."""

    default_reason = "NOT_FOUND"


class AlreadyExists(DomainError):
    """The idempotency key was used for another request."""

    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(DomainError):
    """The request is sound but the state of things forbids it."""

    default_reason = "FAILED_PRECONDITION"


class Unimplemented(DomainError):
    """The service has no such thing, whatever else is asked for."""

    default_reason = "UNIMPLEMENTED"


class StaleAttempt(DomainError):
    """A write of an attempt that is no longer the current one. Nothing was changed."""

    default_reason = "STALE_ATTEMPT"


class Unauthenticated(DomainError):
    """No token, or one that nobody issued."""

    default_reason = "UNAUTHENTICATED"


class ResourceExhausted(DomainError):
    """A bound was reached: queue, message, memory."""

    default_reason = "RESOURCE_EXHAUSTED"


class Unavailable(DomainError):
    """Not now: a part starts or restarts. The same request may succeed soon."""

    default_reason = "UNAVAILABLE"


HELPER_ENDED = "HELPER_ENDED"
"""Reason of `Unavailable`: the process that was asked has ended, perhaps over what it was asked."""


def no_number(which: str) -> InvalidArgument:
    """The error of finite inputs (`row 3 of input features`) that a network makes infinity or NaN of."""
    return InvalidArgument(
        f"what the network makes of {which} is not a number: its values are beyond what FP32 can compute with; "
        "send such as it was trained with"
    )


def stopping() -> Unavailable:
    """The error of calls that come while the service stops, and of those that have no answer by then."""
    return Unavailable("the service stops; ask another one, or this one when it is back", reason="STOPPING")


class DiskFull(Unavailable):
    """The disk below the service takes no more; nothing was written. The same request succeeds once there is room."""

    default_reason = "DISK_FULL"


class DeadlineExceeded(DomainError):
    """The caller's time ran out before the work began."""

    default_reason = "DEADLINE_EXCEEDED"


class DataLoss(DomainError):
    """Stored bytes are not what was written."""

    default_reason = "DATA_LOSS"


class DamagedBlob(DataLoss):
    """The bytes of a blob are not what was written, or gone."""

    default_reason = "DAMAGED_BLOB"

    def __init__(self, message: str, *, reason: str = "", digest: str = "") -> None:
        super().__init__(message, reason=reason)
        self.digest = digest

    @classmethod
    def of(cls, digest: str) -> Self:
        """The error for the blob of that name."""
        message = f"the stored bytes of blob {digest} have changed; use an older checkpoint, or restore the database"
        return cls(message, digest=digest)


COMPARED = 200
"""Letters of a name up to which it is compared with others."""
KNOWN_SHOWN = 12
"""Names that `suggest` lists at most."""


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Sentence that names the nearest of `known`, or all of them: for "unknown ..." messages."""
    names = sorted(known)
    # A comparison takes time with the length, and a name may have as many letters as a message.
    near = difflib.get_close_matches(wrong, names, n=2, cutoff=0.5) if len(wrong) <= COMPARED else []
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return "there are none"
    more = f" and {len(names) - KNOWN_SHOWN} more" if len(names) > KNOWN_SHOWN else ""
    return f"known are {', '.join(names[:KNOWN_SHOWN])}{more}"

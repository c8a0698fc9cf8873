"""What is said of an attempt that ended without telling its outcome."""

from __future__ import annotations

import signal

from bessemer_server.domain.jobs import Attempt, Failure, Reason

_OUT_OF_MEMORY_HINT = (
    "Somebody or something ended the process. If nobody did, look for the kernel's out-of-memory killer (dmesg), and "
    "try a smaller batch_size."
)


def from_exit(status: int) -> Failure:
    """The failure of a trainer whose process ended with this status."""
    if status < 0:
        return Failure(
            Reason.WORKER_KILLED, f"the trainer was ended by {_signal_name(-status)}", _OUT_OF_MEMORY_HINT
        )
    return Failure(
        Reason.INTERNAL,
        f"the trainer ended with status {status} and no outcome",
        "The server's log has the trainer's last lines; please report them.",
    )


def from_silence(attempt: Attempt, timeout_s: float) -> Failure:
    """The failure of a trainer that no longer reports."""
    return Failure(
        Reason.WORKER_LOST,
        f"the trainer of attempt {attempt.number} has not reported for {timeout_s:.0f} s",
        "Its machine or process may be stopped or overloaded.",
    )


def from_shutdown() -> Failure:
    """The failure of an attempt that the server's stop ended; not a loss."""
    return Failure(
        Reason.PREEMPTED, "the trainer was told to stop; training goes on from its last checkpoint"
    )


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"

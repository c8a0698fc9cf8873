"""What is said of an attempt that ended without telling its outcome."""

from __future__ import annotations

import signal

from bessemer_server.domain.jobs import Attempt, Exit, Failure, Job, Reason

_OUT_OF_MEMORY_HINT = (
    "Somebody or something ended the process. If nobody did, look for the kernel's out-of-memory killer (dmesg), and "
    "try a smaller batch_size."
)

_CRASH_HINT = "The process crashed in native code; the log (bessemer jobs logs) has where. Please report it, with the specification."
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})


def from_exit(end: Exit) -> Failure:
    """The failure of a trainer whose process ended without an outcome."""
    status = end.status
    if status is None:
        return Failure(
            Reason.WORKER_LOST,
            "the trainer's process ended, and with what status is not known: who started it had ended before",
            _OUT_OF_MEMORY_HINT,
            {"memory_kills": str(end.memory_kills)},
        )
    if status == -signal.SIGKILL and end.memory_kills > 0:
        return Failure(
            Reason.OUT_OF_MEMORY_HOST,
            f"the trainer was ended by {_signal_name(-status)}, while the kernel ended {end.memory_kills} process(es) of "
            "this machine for want of memory",
            "use a smaller batch_size or a smaller model, or give the host more memory",
            {"signal": _signal_name(-status), "memory_kills": str(end.memory_kills)},
        )
    if status < 0:
        return Failure(
            Reason.WORKER_KILLED,
            f"the trainer was ended by {_signal_name(-status)}",
            _CRASH_HINT if -status in _CRASHES else _OUT_OF_MEMORY_HINT,
            {"signal": _signal_name(-status)},
        )
    return Failure(
        Reason.INTERNAL,
        f"the trainer ended with status {status} and no outcome",
        "Its last lines are in the evidence, the others in `bessemer jobs logs`; please report them.",
        {"exit_status": str(status)},
    )


def from_silence(attempt: Attempt, timeout_s: float) -> Failure:
    """The failure of a trainer that no longer reports."""
    return Failure(
        Reason.WORKER_LOST,
        f"the trainer of attempt {attempt.number} has not reported for {timeout_s:.0f} s",
        "Its machine or process may be stopped or overloaded.",
        {
            "silent_seconds": f"{timeout_s:g}",
            "last_heard": attempt.lease_time.isoformat(),
            "pid": str(attempt.pid),
        },
    )


def from_deadline(job: Job) -> Failure:
    """The failure of a job that has run for longer than it may."""
    return Failure(
        Reason.DEADLINE,
        f"the job has run for {job.run_s:.1f} s; its max_runtime is {job.max_runtime_s:g} s",
        f"Retry it (bessemer jobs retry {job.id}): it goes on from its last checkpoint, with the whole time again; or "
        "submit it with a longer max_runtime.",
        {"run_seconds": f"{job.run_s:.3f}", "max_runtime_seconds": f"{job.max_runtime_s:g}"},
    )


def from_shutdown() -> Failure:
    """The failure of an attempt that the server's stop ended; not a loss."""
    return Failure(
        Reason.PREEMPTED,
        "the trainer was told to stop; training goes on from its last checkpoint",
        "Nothing: it goes on by itself when a server runs again.",
    )


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"

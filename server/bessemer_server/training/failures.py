"""Failures of a run, each with its reason, what was seen, and what a person can do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

import torch

from bessemer_server.data import sources
from bessemer_server.domain import jobs
from bessemer_server.training import evidence


class TrainingFailed(Exception):
    """A run that cannot go on. `failure` is what to report."""

    def __init__(self, failure: jobs.Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.failure = failure


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what data sources, torch and the system raise into `TrainingFailed`, where the reason is known."""
    try:
        yield
    except sources.InvalidData as error:
        raise _failed(jobs.Reason.INVALID_DATA, error.message, error.next_step) from error
    except torch.OutOfMemoryError as error:
        raise _failed(
            jobs.Reason.OUT_OF_MEMORY_DEVICE,
            _first_line(error),
            "use a smaller batch_size or a smaller model, or a device with more free memory",
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _failed(
            jobs.Reason.DISK_FULL,
            f"no room was left to write {error.filename or 'a file'}",
            "free some of the disk that holds the service's data folder: the job goes on by itself",
            path=str(error.filename or ""),
        ) from error
    except MemoryError as error:
        raise _out_of_host_memory(str(error) or "the host is out of memory") from error
    except RuntimeError as error:
        # torch has no type of its own for a failed allocation on the CPU.
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise _out_of_host_memory(_first_line(error)) from error


def non_finite(
    what: str, step: int, epoch: int, last_loss: float | None, learning_rate: float
) -> TrainingFailed:
    """The failure of a run whose numbers have left the finite ones."""
    seen = (
        "no step before it had a finite loss"
        if last_loss is None
        else f"the last finite loss was {last_loss:g}"
    )
    return _failed(
        jobs.Reason.NON_FINITE_LOSS,
        f"{what} became infinite or not a number at step {step} (epoch {epoch}); {seen}",
        f"lower optimizer.learning_rate, now {learning_rate:g}, for example to a tenth, "
        "and look for extreme values in the data",
        step=str(step),
        epoch=str(epoch),
        last_finite_loss="" if last_loss is None else repr(last_loss),
        learning_rate=repr(learning_rate),
    )


def _out_of_host_memory(message: str) -> TrainingFailed:
    next_step = "use a smaller batch_size or a smaller model, or give the host more memory"
    return _failed(jobs.Reason.OUT_OF_MEMORY_HOST, message, next_step)


def _failed(reason: jobs.Reason, message: str, next_step: str, **seen: str) -> TrainingFailed:
    figures = {name: value for name, value in seen.items() if value}
    return TrainingFailed(jobs.Failure(reason, message, next_step, {**figures, **evidence.measure()}))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]

"""What may happen to uploaded data sets: rules that every store applies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bessemer_server.domain import errors
from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.jobs import Job, NewJob

JOBS_NAMED = 5


def check_same(found: Dataset, content: Content) -> Dataset:
    """The data set that has the name already; raises `AlreadyExists` when its content is another."""
    if found.digest != content.digest:
        raise errors.AlreadyExists(
            f"there is a data set {found.name!r} with other content, description or options, uploaded at "
            f"{found.create_time:%Y-%m-%d %H:%M} UTC; delete it first, or choose another name",
            reason="DATASET_EXISTS",
        )
    return found


def check_pinned(job: NewJob | Job, field: str, found: Dataset | None) -> None:
    """Raise `FailedPrecondition` when the uploaded data set is gone that a field of a job names, a new one or a retried one."""
    if found is None:
        advice = "submit again" if isinstance(job, NewJob) else "upload the same content again, then retry"
        raise errors.FailedPrecondition(
            f"the data set {job.effective_spec.get(field)!r} was deleted or replaced meanwhile; {advice}",
            reason="DATASET_GONE",
        )


def check_unused(name: str, jobs: Sequence[Job]) -> None:
    """Raise `FailedPrecondition` when `jobs`, those that have not ended and train on the data set, are any."""
    if jobs:
        named = ", ".join(f"{job.id} ({job.name}, {job.state})" for job in jobs[:JOBS_NAMED])
        more = f" and {len(jobs) - JOBS_NAMED} more" if len(jobs) > JOBS_NAMED else ""
        raise errors.FailedPrecondition(
            f"the data set {name!r} is needed by {named}{more}; wait until they end, or cancel them, then delete it",
            reason="DATASET_IN_USE",
        )


def unknown_dataset(name: str, known: Iterable[str]) -> errors.NotFound:
    """The error for a data set that does not exist."""
    return errors.NotFound(f"no data set {name!r}; {errors.suggest(name, known)}", reason="DATASET_NOT_FOUND")

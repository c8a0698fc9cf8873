"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from bessemer_server.domain.jobs import Job, JobFilter, NewJob, Page, Time


class Jobs(Protocol):
    """As users ask for them, and as they wait for a slot."""

    async def create_job(self, job: NewJob, now: Time) -> Job:
        """Create a QUEUED job. The same request_id and fingerprint return the first job; raises `AlreadyExists` for
        the same request_id with another fingerprint, `NotFound` when the first job was deleted, `FailedPrecondition`
        when its uploaded data set, or a model that it predicts or begins with, is gone.
        """
        ...

    async def find_submitted(self, request_id: str, fingerprint: str) -> Job | None:
        """The job that this very request has made before. Raises as `create_job`."""
        ...

    async def get_job(self, job_id: str) -> Job: ...

    async def list_jobs(self, filter: JobFilter, page_size: int, page_token: str) -> Page[Job]:
        """Newest first (create_time, then id). Raises `InvalidArgument` for a token of another filter."""
        ...

    async def queued_jobs(self, limit: int, now: Time) -> Sequence[Job]:
        """QUEUED jobs that are ready (`Job.is_ready`): highest priority first, then oldest first."""
        ...

    async def queue_positions(self, job_ids: Iterable[str], now: Time) -> Mapping[str, int]:
        """Place of each of these jobs in that order, from 1; without those that are not in it."""
        ...

    async def request_cancel(self, job_id: str, now: Time) -> Job:
        """QUEUED → CANCELLED; active → CANCELLING; CANCELLING or CANCELLED: unchanged. Raises `FailedPrecondition` for
        SUCCEEDED and FAILED.
        """
        ...

    async def request_pause(self, job_id: str, now: Time) -> Job:
        """QUEUED → PAUSED; active → PAUSING; PAUSING or PAUSED: unchanged. Raises `FailedPrecondition` for CANCELLING
        and for what has ended.
        """
        ...

    async def resume(self, job_id: str, now: Time) -> Job:
        """PAUSED → QUEUED, and forgets its losses; QUEUED, STARTING or RUNNING: unchanged. Raises `FailedPrecondition`
        otherwise.
        """
        ...

    async def retry(self, job_id: str, now: Time) -> Job:
        """FAILED or CANCELLED → QUEUED, without failure, losses and `run_s`; QUEUED, STARTING or RUNNING: unchanged. Raises
        `FailedPrecondition` otherwise, and when an uploaded data set of the job, or a model that it predicts or begins with, is gone.
        """
        ...

    async def delete_job(self, job_id: str, now: Time) -> None:
        """Remove a job that has ended and all that belongs to it, but not its model. Its id and request_id stay taken:
        it is `NotFound` from now on. Again: nothing. Raises `FailedPrecondition` for a job that has not ended.
        """
        ...

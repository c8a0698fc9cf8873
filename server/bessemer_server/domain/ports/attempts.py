"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bessemer_server.domain.checkpoints import Manifest
from bessemer_server.domain.jobs import Attempt, Command, Failure, Job, Progress, Time
from bessemer_server.domain.metrics import Metric
from bessemer_server.domain.models import Model, Publication


class Attempts(Protocol):
    """What trainers say of the attempts at a job, and how these end."""

    async def active_attempts(self) -> Sequence[Attempt]:
        """Current attempts of jobs in an active state."""
        ...

    async def start_attempt(self, job_id: str, slot: str, token_digest: str, now: Time) -> Attempt | None:
        """QUEUED → STARTING with the next attempt number; None when the job is no longer QUEUED (somebody else took
        it, or it was cancelled). Sets start_time the first time.
        """
        ...

    async def set_pid(self, job_id: str, attempt: int, pid: int) -> None: ...

    async def pin_threads(self, job_id: str, attempt: int, threads: int) -> int:
        """The threads that the job's first attempt was given; these if this is it. Their number decides the order of sums, and so
        an attempt without a checkpoint would otherwise go on with metrics of another run.
        """
        ...

    async def authenticate(self, token_digest: str) -> Attempt:
        """The attempt that a token was made for, current or not. Raises `Unauthenticated`."""
        ...

    async def report(
        self,
        job_id: str,
        attempt: int,
        metrics: Sequence[Metric],
        progress: Progress | None,
        now: Time,
        *,
        run_s: float = 0.0,
    ) -> Command:
        """Renew the lease, record metrics (a point that is there already is overwritten: values are deterministic) and
        progress; STARTING → RUNNING. Appends `Progressed` (with the step metrics of the last step) when there is
        progress and a `MetricsRecorded` for each epoch or test whose metrics were not there. Epoch and test metrics
        go into `Job.metrics`. `run_s`: how long the attempt has run. Answers CANCEL when the job is CANCELLING, PREEMPT when it is PAUSING or has
        run for longer than it may, END when that was `DEADLINE_GRACE_S` ago, else CONTINUE.
        """
        ...

    async def succeed(self, job_id: str, attempt: int, publication: Publication, now: Time) -> Model:
        """→ SUCCEEDED, and publish the next version of the job's name, in one transaction. Again: the same model."""
        ...

    async def complete(self, job_id: str, attempt: int, result: Manifest, now: Time) -> None:
        """→ SUCCEEDED, with what a prediction has found as its only checkpoint, in one transaction. Again: nothing. Raises
        `FailedPrecondition` when a blob is missing.
        """
        ...

    async def fail(
        self, job_id: str, attempt: int, failure: Failure, now: Time, *, heard: Time | None = None
    ) -> None:
        """→ FAILED. Again: nothing. `heard`: see `release`."""
        ...

    async def confirm_cancel(self, job_id: str, attempt: int, now: Time) -> None:
        """CANCELLING → CANCELLED. Again: nothing."""
        ...

    async def release(
        self,
        job_id: str,
        attempt: int,
        failure: Failure,
        is_loss: bool,
        now: Time,
        *,
        delay_s: float = 0.0,
        heard: Time | None = None,
    ) -> Job:
        """The attempt ended without an outcome: → QUEUED, or → CANCELLED when it was CANCELLING, → PAUSED when it was
        PAUSING. `is_loss` counts it in `Job.losses`; a preemption does not count. `failure.message` becomes the state message. A job that is queued again
        is not ready for `delay_s`. With `heard`, the time at which the attempt was last heard of as far as the caller knows,
        raises `StaleAttempt` when it was heard of since: then nobody may take it for lost.
        """
        ...

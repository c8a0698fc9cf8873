"""What a request makes of a job: pure rules that every store applies, whatever it keeps its rows in.

A store loads the job, asks here, and writes the answer down: the job as it will be, and the events to append. Nothing
here has an effect, and time is an argument.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bessemer_server.domain import errors, states
from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.events import (
    CheckpointDamaged,
    CheckpointSaved,
    Event,
    Kind,
    MetricsRecorded,
    Progressed,
    StateChanged,
)
from bessemer_server.domain.jobs import (
    DEADLINE_GRACE_S,
    Attempt,
    Command,
    Failure,
    Job,
    ModelReference,
    NewJob,
    Progress,
    Time,
)
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Model
from bessemer_server.domain.states import State

RESULT = Retention(last=1)
"""Of the checkpoints of a prediction that is complete, the one that has it all."""
MetricKey = tuple[Scope, str, int]
"""By which a metric is known within its job: scope, name and step."""
RELEASED = {State.CANCELLING: State.CANCELLED, State.PAUSING: State.PAUSED}
"""Where an attempt that ends without an outcome leads, by what was asked for; else to the queue."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A job as it will be, and the events to append with it."""

    job: Job
    events: tuple[Event, ...] = ()

    def plus(self, now: Time, *kinds: Kind, **fields: Any) -> Change:
        """With further fields of the job changed, and an event for each of `kinds`."""
        last = self.job.last_cursor
        numbered = tuple(Event(last + n, now, kind) for n, kind in enumerate(kinds, start=1))
        job = dataclasses.replace(self.job, last_cursor=last + len(kinds), **fields)
        return Change(job, self.events + numbered)


def create(new: NewJob, now: Time) -> Change:
    """A QUEUED job with its first event."""
    job = Job(
        id=new.id,
        name=new.name,
        spec=new.spec,
        effective_spec=new.effective_spec,
        state=State.QUEUED,
        state_message="",
        progress=Progress(),
        attempt=0,
        losses=0,
        failure=None,
        model=None,
        metrics={},
        create_time=now,
        start_time=None,
        end_time=None,
        last_cursor=0,
        dataset_digest=new.dataset_digest,
        validation_digest=new.validation_digest,
        priority=new.priority,
        max_runtime_s=new.max_runtime_s,
        asked_model=new.asked_model,
    )
    return Change(job).plus(now, StateChanged(State.QUEUED, attempt=0))


def check_fingerprint(request_id: str, first: str, second: str) -> None:
    """Raise `AlreadyExists` when a request_id comes with another body than the first time."""
    if first != second:
        raise errors.AlreadyExists(
            f"request_id {request_id!r} was used for a job with another name or specification; "
            "send the same request again, or make a new request_id"
        )


def start(job: Job, now: Time) -> Change | None:
    """QUEUED → STARTING with the next attempt; None when the job is no longer QUEUED."""
    if job.state is not State.QUEUED:
        return None
    started = job.start_time or max(now, job.create_time)
    return _move(job, State.STARTING, now, attempt=job.attempt + 1, start_time=started, past_run_s=job.run_s)


def check_current(job: Job, attempt: int) -> None:
    """Raise `StaleAttempt` unless the attempt is the job's current one and the job is in an active state."""
    if attempt != job.attempt:
        found = f"its current attempt is {job.attempt}" if job.attempt else "no attempt of it was started"
    elif not job.state.is_active:
        found = f"the job is {job.state}"
    else:
        return
    raise errors.StaleAttempt(
        f"attempt {attempt} of job {job.id} may no longer write: {found}. Nothing was changed; end this trainer"
    )


def check_silent(attempt: Attempt, heard: Time | None) -> None:
    """Raise `StaleAttempt` when the attempt was heard of since `heard`; None does not ask."""
    if heard is not None and attempt.lease_time != heard:
        raise errors.StaleAttempt(
            f"attempt {attempt.number} of job {attempt.job_id} was heard of at {attempt.lease_time}: it is not lost"
        )


def is_repeat(job: Job, attempt: int, outcome: State) -> bool:
    """Whether this attempt has ended the job with this outcome already; raises `StaleAttempt` when it may not."""
    if job.attempt == attempt and job.state is outcome:
        return True
    check_current(job, attempt)
    return False


def report(
    job: Job,
    metrics: Sequence[Metric],
    known: Collection[MetricKey],
    progress: Progress | None,
    now: Time,
    *,
    run_s: float = 0.0,
) -> Change:
    """STARTING → RUNNING, progress, metrics, and time spent. `known`: which of the epoch and test metrics were recorded
    before.
    """
    change = _move(job, State.RUNNING, now, job.state_message) if job.state is State.STARTING else Change(job)
    change = change.plus(now, run_s=max(job.run_s, job.past_run_s + run_s))
    if progress is not None:
        change = change.plus(now, Progressed(progress, _last_step(metrics)), progress=progress)
    lasting = sorted(lasting_metrics(metrics), key=lambda metric: metric.step)
    if lasting:
        latest = {metric.name: metric.value for metric in lasting}
        change = change.plus(now, metrics={**job.metrics, **latest})
    fresh = [metric for metric in lasting if key(metric) not in known]
    return change.plus(now, *map(MetricsRecorded, _by_moment(fresh)))


def _by_moment(metrics: list[Metric]) -> list[tuple[Metric, ...]]:
    """In groups of one epoch's or one test's: one event tells of one moment, however many a report brings."""
    groups: dict[tuple[int, Scope], list[Metric]] = {}
    for metric in metrics:
        groups.setdefault((metric.step, metric.scope), []).append(metric)
    return [tuple(groups[moment]) for moment in sorted(groups)]


def command(job: Job) -> Command:
    """What the trainer of an active job is to do."""
    if job.state is State.CANCELLING:
        return Command.CANCEL
    if job.overrun_s >= DEADLINE_GRACE_S:
        return Command.END
    return Command.PREEMPT if job.state is State.PAUSING or job.overrun_s >= 0 else Command.CONTINUE


def key(metric: Metric) -> MetricKey:
    """What makes a point unique within its job; also the order of listings."""
    return metric.scope, metric.name, metric.step


def distinct(metrics: Iterable[Metric]) -> list[Metric]:
    """The last of each point."""
    return list({key(metric): metric for metric in metrics}.values())


def lasting_metrics(metrics: Iterable[Metric]) -> list[Metric]:
    """Epoch and test metrics: those that `Job.metrics` and events show."""
    return [metric for metric in metrics if metric.scope is not Scope.STEP]


def checkpoint(job: Job, attempt: int, manifest: Manifest, now: Time) -> Checkpoint:
    """The job's checkpoint at the manifest's step."""
    return Checkpoint(f"{job.id}-{manifest.step}", job.id, attempt, manifest, now)


def save_checkpoint(job: Job, saved: Checkpoint, now: Time) -> Change:
    """A checkpoint became visible: what was lost before it no longer counts."""
    return Change(job).plus(now, CheckpointSaved(saved), losses=0)


def damage(job: Job, lost: Sequence[Checkpoint], sound: Checkpoint | None, digest: str, now: Time) -> Change:
    """Checkpoints of a job that has not ended were found damaged; `sound` is the newest of the others."""
    if sound is None:
        instead = "no other is left: training starts again from step 0"
    else:
        instead = f"training goes on from the one of step {sound.manifest.step}"
    told = [
        CheckpointDamaged(
            c.id,
            c.manifest.step,
            f"the checkpoint of step {c.manifest.step} is damaged: blob {digest} is not what was stored; {instead}",
        )
        for c in lost
    ]
    change = Change(job).plus(now, *told)
    # A trainer that runs goes on from what it has in memory.
    return change.plus(now, state_message=told[-1].message) if job.state is State.STARTING else change


def check_blobs(missing: Sequence[str]) -> None:
    """Raise `FailedPrecondition` when a manifest refers to blobs that are not there."""
    if missing:
        raise errors.FailedPrecondition(
            f"{len(missing)} blob(s) of the manifest are not stored, the first is {missing[0]}; "
            "upload what FindMissingBlobs names, then commit again",
            reason="MISSING_BLOB",
        )


def succeed(job: Job, model: Model, now: Time) -> Change:
    """→ SUCCEEDED with a published model."""
    return _move(job, State.SUCCEEDED, now, model=ModelReference(model.name, model.version))


def complete(job: Job, now: Time) -> Change:
    """→ SUCCEEDED; what was found is in the job's last checkpoint."""
    return _move(job, State.SUCCEEDED, now)


def fail(job: Job, failure: Failure, now: Time) -> Change:
    """→ FAILED."""
    return _move(job, State.FAILED, now, failure.message, failure=failure)


def confirm_cancel(job: Job, now: Time) -> Change:
    """CANCELLING → CANCELLED; raises `FailedPrecondition` when nobody asked for it."""
    return _move(job, State.CANCELLED, now, "cancelled while it worked")


def release(job: Job, failure: Failure, is_loss: bool, now: Time, delay_s: float = 0.0) -> Change:
    """An attempt ended without an outcome: → QUEUED, or → CANCELLED or PAUSED when that was asked for."""
    target = RELEASED.get(job.state, State.QUEUED)
    message = failure.message
    if target is State.PAUSED:
        seen = failure.message if is_loss else "its trainer has stopped"
        message = f"paused: {seen}; resumed, it goes on from its last checkpoint"
    ready = None
    if target is State.QUEUED and delay_s:
        message = f"waits {delay_s:g} s before attempt {job.attempt + 1}: {failure.message}"
        if not is_loss:  # a word for programs in front, as an obstacle of the store has it
            message = f"{failure.reason}: {failure.message}; tried again each {delay_s:g} s"
        ready = now + datetime.timedelta(seconds=delay_s)
    return _move(job, target, now, message, losses=job.losses + is_loss, next_attempt_time=ready)


def request_cancel(job: Job, now: Time) -> Change:
    """A waiting job is cancelled at once, an active one is asked to stop; again changes nothing."""
    if job.state in (State.CANCELLING, State.CANCELLED):
        return Change(job)
    if job.state.is_terminal:
        raise errors.FailedPrecondition(
            f"job {job.id} is {job.state}: it has ended and can no longer be cancelled", reason="JOB_ENDED"
        )
    if job.state.is_active:
        return _move(job, State.CANCELLING, now, "its trainer was asked to stop")
    while_ = "was paused" if job.state is State.PAUSED else "waited"
    return _move(job, State.CANCELLED, now, f"cancelled while it {while_}")


def request_pause(job: Job, now: Time) -> Change:
    """A waiting job is paused at once, an active one is asked to save and stop; again changes nothing."""
    if job.state in (State.PAUSING, State.PAUSED):
        return Change(job)
    if job.state is State.CANCELLING or job.state.is_terminal:
        found = "has ended" if job.state.is_terminal else "was cancelled and is about to end"
        raise errors.FailedPrecondition(
            f"job {job.id} is {job.state}: it {found} and can no longer be paused", reason="JOB_ENDED"
        )
    if job.state.is_active:
        return _move(job, State.PAUSING, now, "its trainer was asked to save a checkpoint and stop")
    return _move(job, State.PAUSED, now, "paused while it waited")


def resume(job: Job, now: Time) -> Change:
    """PAUSED → QUEUED, with a clean slate of losses; nothing changes for a job that was never paused, or no longer is."""
    if job.state is State.PAUSED:
        return _move(job, State.QUEUED, now, "resumed", losses=0)
    if job.state is State.PAUSING:
        raise errors.FailedPrecondition(
            f"job {job.id} is still PAUSING: its trainer saves a checkpoint; resume it when it is PAUSED",
            reason="JOB_PAUSING",
        )
    if job.state is State.CANCELLING or job.state.is_terminal:
        raise errors.FailedPrecondition(
            f"job {job.id} is {job.state}: only a PAUSED job can be resumed; {_advise(job)}",
            reason="JOB_ENDED",
        )
    return Change(job)


def retry(job: Job, now: Time) -> Change:
    """FAILED or CANCELLED → QUEUED, with a clean slate; nothing changes for a job that is at work or about to be."""
    if job.state in (State.FAILED, State.CANCELLED):
        return _move(job, State.QUEUED, now, "tried again on request", losses=0, run_s=0.0, past_run_s=0.0)
    if job.state in (State.QUEUED, State.STARTING, State.RUNNING):
        return Change(job)
    raise errors.FailedPrecondition(
        f"job {job.id} is {job.state}: only a job that FAILED or was CANCELLED can be retried; {_advise(job)}",
        reason="JOB_SUCCEEDED" if job.state is State.SUCCEEDED else "JOB_NOT_ENDED",
    )


def check_deletable(job: Job) -> None:
    """Raise `FailedPrecondition` unless the job has ended."""
    if not job.state.is_terminal:
        raise errors.FailedPrecondition(
            f"job {job.id} is {job.state}; cancel it first, and delete it when it has ended",
            reason="JOB_NOT_ENDED",
        )


def deleted_job(job_id: str, time: Time) -> errors.NotFound:
    """The error for a job that was deleted, also by the request_id that made it."""
    return errors.NotFound(
        f"job {job_id} was deleted at {time:%Y-%m-%d %H:%M:%S} UTC; to train again, submit with another request_id "
        "(idempotency_key)",
        reason="JOB_DELETED",
    )


def _advise(job: Job) -> str:
    """What to do with a job in a state from which it cannot be resumed or retried."""
    return {
        State.PAUSED: "resume this one",
        State.PAUSING: "resume this one when it is PAUSED",
        State.CANCELLING: "retry this one when it is CANCELLED",
        State.SUCCEEDED: "submit a new job to do it again",
    }.get(job.state, "retry this one")


def queue_place(job: Job) -> tuple[int, Time, str]:
    """Waiting jobs start in this order."""
    return -job.priority, job.create_time, job.id


def architecture(effective_spec: Mapping[str, Any]) -> str:
    """The architecture by which jobs are listed; empty where the specification names none."""
    return str(effective_spec.get("architecture", ""))


def check_cursor(job: Job, after: int) -> None:
    """Raise `InvalidArgument` for a cursor beyond the job's last event."""
    if after > job.last_cursor:
        violation = errors.Violation(
            "cursor",
            f"{after} is beyond the last event of job {job.id}, which is {job.last_cursor}; 0 reads all",
        )
        raise errors.InvalidArgument(violations=[violation])


def unknown_job(job_id: str) -> errors.NotFound:
    """The error for a job that does not exist."""
    return errors.NotFound(
        f"there is no job {job_id!r}; JobService.ListJobs (bessemer jobs list) names those there are",
        reason="JOB_NOT_FOUND",
    )


def unknown_token() -> errors.Unauthenticated:
    """The error for a token that no attempt was started with."""
    return errors.Unauthenticated(
        "this token was not issued for any attempt; end this trainer", reason="UNKNOWN_TOKEN"
    )


def no_pictures(job_id: str, epoch: int, known: Sequence[int]) -> errors.NotFound:
    """The error for an epoch without pictures."""
    there = f"there are some of epochs {', '.join(map(str, known))}" if known else "there are none yet"
    return errors.NotFound(f"job {job_id} has no pictures of epoch {epoch}; {there}")


def _move(
    job: Job,
    state: State,
    now: Time,
    message: str = "",
    *,
    failure: Failure | None = None,
    model: ModelReference | None = None,
    **fields: Any,
) -> Change:
    states.check_move(job.state, state)
    attempt = fields.get("attempt", job.attempt)
    fields.setdefault("next_attempt_time", None)
    return Change(job).plus(
        now,
        StateChanged(state, attempt, message, failure, model),
        state=state,
        state_message=message,
        failure=failure,
        model=model,
        # A clock may have been set back meanwhile, or another server's may be behind: no time ends before it began.
        end_time=max(now, job.start_time or job.create_time) if state.is_terminal else None,
        **fields,
    )


def _last_step(metrics: Iterable[Metric]) -> dict[str, float]:
    steps = [metric for metric in metrics if metric.scope is Scope.STEP]
    last = max((metric.step for metric in steps), default=0)
    return {metric.name: metric.value for metric in steps if metric.step == last}

"""Events of a job, as `Job.watch` yields them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from bessemer.v1 import jobs_pb2


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far training is."""

    epoch: int
    """Epoch in progress, from 1; 0 before the first."""
    epochs: int
    step: int
    """Steps done over all epochs."""
    steps: int
    fraction: float
    """Share of all steps that are done, in [0, 1]."""
    samples_per_second: float
    """0 while unknown."""
    eta_seconds: float | None
    """Until training ends; None while unknown."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a job failed, and what to do."""

    reason: str
    """One of the closed list: NON_FINITE_LOSS, WORKER_KILLED, OUT_OF_MEMORY_DEVICE, ..."""
    message: str
    next_step: str
    evidence: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Key figures by name: attempt, epoch, step, signal, peak_memory_bytes, last_finite_loss, ...; `log` has the last lines
    that the trainer printed.
    """


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that a trainer printed. `Job.logs(after=line.cursor)` goes on behind it."""

    cursor: int
    """Number of the line, per job from 1; numbers are missing where old lines are no longer kept."""
    attempt: int
    time: datetime.datetime
    text: str

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in the store."""

    id: str
    epoch: int
    step: int
    size_bytes: int
    create_time: datetime.datetime
    damaged: bool = False
    """Its bytes were found changed or gone: nobody goes on from it, until the same step is saved again."""


@dataclasses.dataclass(frozen=True)
class Event:
    """Base of all. `Job.watch(after=event.cursor)` goes on behind it."""

    cursor: int
    """Number of the event, per job from 1 without gaps."""
    time: datetime.datetime


@dataclasses.dataclass(frozen=True)
class StateChanged(Event):
    """The job moved to `state`."""

    state: str
    attempt: int
    message: str
    failure: Failure | None


@dataclasses.dataclass(frozen=True)
class Progressed(Event):
    """Steps were done."""

    progress: Progress
    metrics: Mapping[str, float]
    """Step metrics of the last of them, e.g. train/loss."""


@dataclasses.dataclass(frozen=True)
class MetricsRecorded(Event):
    """An epoch ended, or the test was made."""

    epoch: int
    step: int
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class CheckpointSaved(Event):
    """A checkpoint became visible."""

    checkpoint: Checkpoint


@dataclasses.dataclass(frozen=True)
class CheckpointDamaged(Event):
    """A checkpoint was found damaged when training was to go on from it."""

    checkpoint_id: str
    step: int
    message: str
    """What was found, and from where training goes on instead."""


TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
"""States that a job leaves only when somebody retries it."""


def parse_transitions(message: jobs_pb2.ListTransitionsResponse) -> list[StateChanged]:
    """The typed events."""
    parsed = (parse_event(event) for event in message.transitions)
    return [event for event in parsed if isinstance(event, StateChanged)]


def parse_event(message: jobs_pb2.JobEvent) -> Event:
    """The typed event; one of a kind that this version does not know is a bare `Event`."""
    cursor, time = message.cursor, message.time.ToDatetime(datetime.UTC)
    match message.WhichOneof("kind"):
        case "state_changed":
            change = message.state_changed
            failure = parse_failure(change.failure) if change.HasField("failure") else None
            state = name_of(jobs_pb2.Job.State, change.state)
            return StateChanged(cursor, time, state, change.attempt, change.message, failure)
        case "progressed":
            found = message.progressed
            return Progressed(cursor, time, parse_progress(found.progress), dict(found.metrics))
        case "metrics_recorded":
            points = message.metrics_recorded.metrics
            values = {point.name: point.value for point in points}
            return MetricsRecorded(cursor, time, points[-1].epoch, points[-1].step, values)
        case "checkpoint_saved":
            return CheckpointSaved(cursor, time, parse_checkpoint(message.checkpoint_saved.checkpoint))
        case "checkpoint_damaged":
            damage = message.checkpoint_damaged
            return CheckpointDamaged(cursor, time, damage.checkpoint_id, damage.step, damage.message)
        case _:
            return Event(cursor, time)


def name_of(enum: Any, value: int) -> str:
    """Name of an enum's value; a newer service may have values that have none here yet."""
    return str(enum.Name(value)) if value in enum.values() else f"UNKNOWN_{value}"


def parse_progress(message: jobs_pb2.Progress) -> Progress:
    """From the wire."""
    return Progress(
        message.epoch,
        message.epochs,
        message.step,
        message.steps,
        message.fraction,
        message.samples_per_second,
        message.eta.ToTimedelta().total_seconds() if message.HasField("eta") else None,
    )


def parse_failure(message: jobs_pb2.Failure) -> Failure:
    """From the wire."""
    reason = name_of(jobs_pb2.Failure.Reason, message.reason)
    return Failure(reason, message.message, message.next_step, dict(message.evidence))


def parse_log_line(message: jobs_pb2.LogLine) -> LogLine:
    """From the wire."""
    return LogLine(message.cursor, message.attempt, message.time.ToDatetime(datetime.UTC), message.text)


def parse_checkpoint(message: jobs_pb2.Checkpoint) -> Checkpoint:
    """From the wire."""
    return Checkpoint(
        message.id,
        message.epoch,
        message.step,
        message.size_bytes,
        message.create_time.ToDatetime(datetime.UTC),
        message.damaged,
    )

"""Jobs, their attempts and what ends them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

from bessemer_server.domain.states import State

T = TypeVar("T")
PRIORITY_MAX = 100
BACK_OFF_MAX_S = 360.0
"""No job waits longer before its next attempt. A time further away than this is the trace of a clock that jumped."""
DEADLINE_GRACE_S = 30.0
"""So long after its time is over a trainer may take to save a checkpoint."""
Time = datetime.datetime
"""Always timezone-aware, UTC."""


class Reason(enum.StrEnum):
    """Why a job failed: the closed list. Names are those of `bessemer.v1.Failure.Reason`."""

    INVALID_DATA = "INVALID_DATA"
    OUT_OF_MEMORY_DEVICE = "OUT_OF_MEMORY_DEVICE"
    OUT_OF_MEMORY_HOST = "OUT_OF_MEMORY_HOST"
    WORKER_KILLED = "WORKER_KILLED"
    WORKER_LOST = "WORKER_LOST"
    NON_FINITE_LOSS = "NON_FINITE_LOSS"
    DISK_FULL = "DISK_FULL"
    DEADLINE = "DEADLINE"
    PREEMPTED = "PREEMPTED"
    INTERNAL = "INTERNAL"


class WaitReason(enum.StrEnum):
    """What a job waits for. Names are those of `bessemer.v1.Job.WaitReason`."""

    SLOT = "SLOT"
    BACK_OFF = "BACK_OFF"
    DISK_FULL = "DISK_FULL"
    DATABASE_BUSY = "DATABASE_BUSY"


@dataclasses.dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing can be written down now."""

    reason: WaitReason
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt or a job failed, what was seen, and what a person can do."""

    reason: Reason
    message: str
    next_step: str = ""
    evidence: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Key figures by name, see `bessemer.v1.Failure.evidence`; `log` has the last lines that the trainer printed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    epoch: int = 0
    epochs: int = 0
    """0 while unknown, and of predictions, which have none."""
    step: int = 0
    steps: int = 0
    samples_per_second: float = 0.0
    eta_s: float | None = None

    @property
    def fraction(self) -> float:
        """Share of all steps that are done, in [0, 1]."""
        return self.step / self.steps if self.steps else 0.0

    @property
    def epoch_steps(self) -> int:
        """Steps of one epoch; 0 while unknown."""
        return self.steps // self.epochs if self.epochs else 0


@dataclasses.dataclass(frozen=True, slots=True)
class ModelReference:
    """Name and version of a published model."""

    name: str
    version: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`."""
        name, _, version = text.rpartition("@")
        return cls(name, int(version))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclasses.dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is accepted: what the store needs to create one."""

    id: str
    name: str
    spec: Mapping[str, Any]
    """As the client sent it; keys of `bessemer.v1.TrainingSpec` or `bessemer.v1.PredictionSpec`, JSON values."""
    effective_spec: Mapping[str, Any]
    """With every default filled in."""
    request_id: str = ""
    """Idempotency key; empty for none."""
    fingerprint: str = ""
    """Digest of the request's body: the same key with another fingerprint is refused."""
    dataset_digest: str = ""
    """The content of the uploaded data set that it trains on; empty for one that comes with the service."""
    validation_digest: str = ""
    """The same of its `validation_dataset`."""
    priority: int = 0
    """From -PRIORITY_MAX to PRIORITY_MAX; the highest starts first."""
    max_runtime_s: float | None = None
    """For so long it may hold a slot, all attempts together; None for ever."""
    asked_model: ModelReference | None = None
    """The model that it predicts with; None for a job that trains."""

    @property
    def pins(self) -> Mapping[str, str]:
        """The digest of each uploaded data set that it needs, by the field of the specification that names it."""
        return _pins(self.dataset_digest, self.validation_digest)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job as the store holds it."""

    id: str
    name: str
    spec: Mapping[str, Any]
    effective_spec: Mapping[str, Any]
    state: State
    state_message: str
    progress: Progress
    attempt: int
    """Number of the current or last attempt; 0 before the first."""
    losses: int
    """Attempts in a row that were lost to infrastructure since the last checkpoint."""
    failure: Failure | None
    model: ModelReference | None
    metrics: Mapping[str, float]
    """Last epoch metrics and test metrics, by name."""
    create_time: Time
    start_time: Time | None
    end_time: Time | None
    last_cursor: int
    """Number of the job's last event."""
    dataset_digest: str = ""
    """See `NewJob.dataset_digest`."""
    validation_digest: str = ""
    """See `NewJob.validation_digest`."""
    priority: int = 0
    """See `NewJob.priority`."""
    next_attempt_time: Time | None = None
    """Before this it does not start; set when it was queued again after losses."""
    max_runtime_s: float | None = None
    """See `NewJob.max_runtime_s`."""
    run_s: float = 0.0
    """So long it has held a slot since it was created or last retried, by the clocks of its trainers."""
    past_run_s: float = 0.0
    """The same, without the current or last attempt."""
    asked_model: ModelReference | None = None
    """See `NewJob.asked_model`."""

    @property
    def is_prediction(self) -> bool:
        """Whether it predicts over a data set; else it trains."""
        return self.asked_model is not None

    def is_ready(self, now: Time) -> bool:
        """Whether it may start, as far as its losses go."""
        if self.next_attempt_time is None:
            return True
        left_s = (self.next_attempt_time - now).total_seconds()
        return not 0 < left_s <= BACK_OFF_MAX_S

    @property
    def overrun_s(self) -> float:
        """How much longer than it may it has held a slot; 0 or less while it still may."""
        return -1.0 if self.max_runtime_s is None else self.run_s - self.max_runtime_s

    @property
    def pins(self) -> Mapping[str, str]:
        """See `NewJob.pins`."""
        return _pins(self.dataset_digest, self.validation_digest)


def _pins(dataset_digest: str, validation_digest: str) -> Mapping[str, str]:
    digests = {"dataset": dataset_digest, "validation_dataset": validation_digest}
    return {field: digest for field, digest in digests.items() if digest}


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job by one trainer. (job_id, number) fences every write."""

    job_id: str
    number: int
    slot: str
    """Name of the slot it holds, e.g. `cpu:0`."""
    pid: int
    """Process id of a local trainer; 0 while unknown."""
    lease_time: Time
    """When it was last heard of."""


@dataclasses.dataclass(frozen=True, slots=True)
class Exit:
    """The end of a trainer's process."""

    job_id: str
    attempt: int
    status: int | None
    """Exit status; negative: minus the signal that ended it. None where only its parent was told, which is gone."""
    memory_kills: int = 0
    """Processes of this machine that the kernel ended for want of memory while the trainer ran."""


@dataclasses.dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; empty fields do not filter."""

    states: frozenset[State] = frozenset()
    architecture: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing. `next_token` is empty on the last one."""

    items: tuple[T, ...]
    next_token: str = ""


class Command(enum.IntEnum):
    """What the server wants a trainer to do; values are those of `ReportResponse.Command`."""

    CONTINUE = 1
    CANCEL = 2
    PREEMPT = 3
    END = 4
    """It was told to stop and did not: it is ended. Never sent."""

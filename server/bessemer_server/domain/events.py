"""What a watcher sees, numbered per job from 1 without gaps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from bessemer_server.domain.checkpoints import Checkpoint
from bessemer_server.domain.jobs import Failure, ModelReference, Progress, Time
from bessemer_server.domain.metrics import Metric
from bessemer_server.domain.states import State


@dataclasses.dataclass(frozen=True, slots=True)
class StateChanged:
    """The job moved to `state`."""

    state: State
    attempt: int
    message: str = ""
    failure: Failure | None = None
    model: ModelReference | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Progressed:
    """Steps were done; `metrics` are step metrics of the last of them."""

    progress: Progress
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class MetricsRecorded:
    """The metrics of one epoch, or of the test, became known."""

    metrics: tuple[Metric, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint became visible."""

    checkpoint: Checkpoint


@dataclasses.dataclass(frozen=True, slots=True)
class CheckpointDamaged:
    """A checkpoint was found damaged; nobody goes on from it."""

    checkpoint_id: str
    step: int
    message: str
    """What was found, and from where training goes on instead."""


Kind = StateChanged | Progressed | MetricsRecorded | CheckpointSaved | CheckpointDamaged


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One event of one job."""

    cursor: int
    time: Time
    kind: Kind

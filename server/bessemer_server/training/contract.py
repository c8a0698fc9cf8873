"""What a run is given, what it tells, and how it ends: all that a caller of `loop.run` deals with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bessemer_server.data import sources
from bessemer_server.domain import jobs, metrics
from bessemer_server.domain.bases import Base
from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.predictions import Asked

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """Where a run takes place.

    Of what is here, the kind of device and the number of threads decide the order of floating-point sums:
    for the same bytes they must stay the same.
    """

    device: str
    """As torch names it: `cpu`, `cuda:0`."""
    threads: int
    """Threads for operations on the CPU; a run that goes on keeps those that it began with."""
    dataset_dir: Path | None
    """Where data sets lie that need no download."""
    cache_dir: Path
    """Where downloaded data sets are kept."""
    uploaded: sources.Source | None = None
    """The data set of the specification, where a user uploaded it."""
    uploaded_validation: sources.Source | None = None
    """The same of the data set to validate on."""
    bases: Mapping[str, Base] = dataclasses.field(default_factory=dict)
    """The models that the specification begins with, by reference."""
    asked: Asked | None = None
    """The model that the specification predicts with."""
    read: Callable[[TensorEntry], Array] | None = None
    """Reads a tensor of those models. Raises `sources.InvalidData`."""

    @property
    def folders(self) -> sources.Folders:
        """Where files are found, and kept."""
        return sources.Folders(self.dataset_dir, self.cache_dir)


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """A consistent copy of a run after one step, from which `run` goes on to the same end, bit by bit."""

    epoch: int
    """Epochs completed."""
    step: int
    """Steps done over all epochs."""
    tensors: dict[str, Array]
    """`model/<parameter>`, `optimizer/<parameter>/<slot>`, `best/<parameter>`, and within an epoch `scores/...`; of
    predictions see `domain.predictions`: row-major, little-endian, copies that nobody changes any more. What has not changed since the snapshot before may be
    the same array."""
    state: dict[str, Any]
    """Counters and running sums; JSON values, floats exact."""


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures that a generator drew."""

    epoch: int
    """At the end of which, from 1."""
    pictures: npt.NDArray[np.uint8]
    """[N, H, W, C]."""


class Observer(Protocol):
    """Who is told how a run goes, and says whether it shall go on. Called from the thread of `run`."""

    def record(self, points: Sequence[metrics.Metric]) -> None:
        """Metrics became known. After a resume, those since the snapshot come again with the same values."""
        ...

    def progress(self, progress: jobs.Progress) -> None:
        """Steps were done: about ten times a second at most, and at the end of each epoch."""
        ...

    def checkpoint(self, snapshot: Snapshot) -> None:
        """A snapshot: at the end of an epoch, after its metrics; within one, where that was asked for; and at once when
        preempted.
        """
        ...

    def pictures(self, drawn: Drawn) -> None:
        """A generator drew, at the end of an epoch and before its snapshot. After a resume it may draw the same again."""
        ...

    @property
    def is_saving(self) -> bool:
        """Whether a snapshot is still on its way: one that need not be taken now is taken later then."""
        ...

    def command(self) -> jobs.Command:
        """What to do now. Asked before every step, so it must be cheap."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """The run came to its end."""

    definition: Mapping[str, Any]
    """See `domain.models.Publication.definition`; what `inference.InferenceModel` takes."""
    weights: dict[str, Array]
    """By name of parameter, without prefix."""
    parameters: int


@dataclasses.dataclass(frozen=True, slots=True)
class Predicted:
    """Every sample was predicted."""

    result: Snapshot
    """See `domain.predictions`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stopped:
    """The run was told to stop. After PREEMPT the last snapshot holds every step that was done."""

    command: jobs.Command


Outcome = Trained | Stopped

"""What a source of data is, and the registry of all sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.domain import plans, registry


class InvalidData(Exception):
    """Data that is missing or is not what it should be: a failure of the job, with what to do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclasses.dataclass(frozen=True, slots=True)
class Samples:
    """Inputs and the class of each."""

    inputs: npt.NDArray[Any]
    """uint8 [N, height, width, channels], float32 [N, features], or strings [N] of dtype object."""
    labels: npt.NDArray[np.int64]
    """[N], indices into `DatasetInfo.labels`."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.int64]) -> Samples:
        """The samples at `indices`, copied."""
        return Samples(self.inputs[indices], self.labels[indices])


@dataclasses.dataclass(frozen=True, slots=True)
class Folders:
    """Where a source may look for files."""

    dataset_dir: Path | None
    """Files that are there already, or None."""
    cache_dir: Path
    """Files that were downloaded; made when needed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A data set and how to get it. A module-level value of this type here is found by the registry."""

    info: plans.DatasetInfo
    """Known without loading; `load` checks that it is true."""
    read: Callable[[Folders], tuple[Samples, Samples | None]]
    """The training samples, and the test samples where the data set brings a split. Raises `InvalidData`."""
    scale: float | None = None
    """Value that becomes 1 when inputs are rescaled; None: they are standardised by mean and deviation."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.info.name

    def load(self, folders: Folders) -> tuple[Samples, Samples | None]:
        """`read`, checked against `info`. Raises `InvalidData`."""
        train, test = self.read(folders)
        self._check("training", train, self.info.train_samples)
        if test is not None:
            self._check("test", test, self.info.test_samples)
        return train, test

    def _check(self, split: str, samples: Samples, count: int) -> None:
        expected, found = (count, *self.info.shape), samples.inputs.shape
        if found != expected or samples.labels.shape != (count,):
            raise InvalidData(
                f"the {split} split of {self.name} has shape {found}, but should have {expected}",
                f"remove the files of {self.name} from the data set folder, so that they are fetched again",
            )
        if samples.labels.min() < 0 or samples.labels.max() >= len(self.info.labels):
            raise InvalidData(
                f"the {split} split of {self.name} has labels outside 0 to {len(self.info.labels) - 1}",
                f"remove the files of {self.name} from the data set folder, so that they are fetched again",
            )


REGISTRY: registry.Registry[Source] = registry.Registry("data set", Source, __package__, "bessemer.data")

"""The learning rate in stairs."""

from __future__ import annotations

import math
from typing import Annotated

import pydantic

from bessemer_server.training.schedules import kinds


class StepOptions(kinds.ScheduleOptions):
    """Multiplies the learning rate by `factor` every few epochs."""

    every: Annotated[int, pydantic.Field(ge=1, le=1_000_000)] = 10
    """Epochs between two changes, at least 1."""
    factor: kinds.Factor = 0.1
    """What each change multiplies by, above 0 and up to 1."""


def factor(options: StepOptions, epoch: float, epochs: float) -> float:
    """`factor` to the power of the changes so far."""
    return options.factor ** math.floor(epoch / options.every)


STEP = kinds.Schedule("step", StepOptions, factor)

"""The learning rate along half a wave (Loshchilov and Hutter, 2017)."""

from __future__ import annotations

import math
from typing import Annotated

import pydantic

from bessemer_server.training.schedules import kinds


class CosineOptions(kinds.ScheduleOptions):
    """Lowers the learning rate along half a cosine, to `final` times its size after the last step."""

    final: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.0
    """Share of the learning rate at the end, from 0 to 1."""


def factor(options: CosineOptions, epoch: float, epochs: float) -> float:
    """From 1 to `final`."""
    wave = (1 + math.cos(math.pi * min(1.0, epoch / epochs))) / 2
    return options.final + (1 - options.final) * wave


COSINE = kinds.Schedule("cosine", CosineOptions, factor)

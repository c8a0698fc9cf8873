"""The learning rate in even decay."""

from __future__ import annotations

import math

from bessemer_server.training.schedules import kinds


class ExponentialOptions(kinds.ScheduleOptions):
    """Multiplies the learning rate by `factor` over each epoch, a little at every step."""

    factor: kinds.Factor = 0.95
    """What an epoch multiplies by, above 0 and up to 1."""


def factor(options: ExponentialOptions, epoch: float, epochs: float) -> float:
    """`factor` to the power of the epochs so far."""
    return math.pow(options.factor, epoch)


EXPONENTIAL = kinds.Schedule("exponential", ExponentialOptions, factor)

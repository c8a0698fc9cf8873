"""The learning rate as it was set."""

from __future__ import annotations

from bessemer_server.training.schedules import kinds


class ConstantOptions(kinds.ScheduleOptions):
    """The same learning rate all the time, after warm-up."""


def factor(options: ConstantOptions, epoch: float, epochs: float) -> float:
    """1."""
    return 1.0


CONSTANT = kinds.Schedule("constant", ConstantOptions, factor)

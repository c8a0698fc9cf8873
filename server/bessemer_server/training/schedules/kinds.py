"""What a schedule is, and the registry of all of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import pydantic

from bessemer_server.domain import registry
from bessemer_server.layers.options import Options

Factor = Annotated[float, pydantic.Field(gt=0, le=1)]


class ScheduleOptions(Options):
    """Base of the options of schedules."""

    warmup_epochs: Annotated[float, pydantic.Field(ge=0, le=1_000_000)] = 0.0
    """Epochs, or a part of one, in which the learning rate rises evenly to its full size; 0 or more."""
    warmup_steps: Annotated[int, pydantic.Field(ge=0, le=10**12)] = 0
    """The same in steps; one of the two."""

    @pydantic.field_validator("warmup_steps")
    @classmethod
    def _only_one(cls, steps: int, info: pydantic.ValidationInfo) -> int:
        if steps and info.data.get("warmup_epochs"):
            raise ValueError("cannot be set beside warmup_epochs; leave one out")
        return steps


O = TypeVar("O", bound=ScheduleOptions)  # noqa: E741


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule(Generic[O]):
    """A kind of schedule. A module-level value of this type in this package is found by the registry."""

    name: str
    options: type[O]
    factor: Callable[[O, float, float], float]
    """Of the learning rate, from the epochs since warm-up, with their fraction, and how many there are."""

    @property
    def description(self) -> str:
        """First paragraph of the options' docstring."""
        return " ".join((inspect.getdoc(self.options) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Schedule[Any]] = registry.Registry(
    "schedule", Schedule, __package__, "bessemer.schedules"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """The learning rate of each step of a run: a function of the step alone, so that a run which resumes finds the same."""

    kind: Schedule[Any]
    options: ScheduleOptions
    full_rate: float
    epoch_steps: int
    epochs: int

    def rate(self, step: int) -> float:
        """The learning rate of `step`, from 1."""
        warmup = self.options.warmup_steps or self.options.warmup_epochs * self.epoch_steps
        if step <= warmup:
            return self.full_rate * step / warmup
        done, epochs = (step - 1 - warmup) / self.epoch_steps, self.epochs - warmup / self.epoch_steps
        return self.full_rate * self.kind.factor(self.options, max(0.0, done), epochs)

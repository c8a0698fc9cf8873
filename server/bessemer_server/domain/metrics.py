"""Metric points: each (job, scope, name, step) is recorded exactly once."""

from __future__ import annotations

import dataclasses
import enum


class Scope(enum.IntEnum):
    """How often a metric is recorded; values are those of `bessemer.v1.Metric.Scope`."""

    STEP = 1
    EPOCH = 2
    TEST = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """One value of one metric."""

    scope: Scope
    name: str
    step: int
    """Steps done over all epochs, from 1."""
    epoch: int
    """Epoch of that step, from 1."""
    value: float


def falls(name: str) -> bool:
    """Whether the metric is better when it is less: losses are, all others rise."""
    return name.endswith("/loss")

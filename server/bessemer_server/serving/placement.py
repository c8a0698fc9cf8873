"""The kind of device for a model, by what its engines were measured to take there. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

Described = Mapping[str, str]
"""What `ports.Predictor.describe` tells of a model that was loaded."""


def choose(found: Mapping[str, Described], wanted: str) -> str:
    """The name of the kind where the model is fastest, among those that have the `wanted` engine, if any does. Where nothing was
    measured it is the last one: nobody puts a GPU into a machine to leave it idle.
    """
    suited = [kind for kind, described in found.items() if described.get("engine") == wanted] or list(found)
    times = {kind: read_times_us(found[kind]) for kind in suited}
    # A slow model is timed with one sample alone.
    common = set.intersection(*(set(measured) for measured in times.values()))
    if not common:
        return suited[-1]
    return min(suited, key=lambda kind: math.prod(times[kind][size] for size in common))


def read_times_us(described: Described) -> dict[str, float]:
    """µs of the engine that was taken, by rows of a batch; empty where nothing was measured."""
    by_engine = json.loads(described.get("engine_us", "{}"))
    times: dict[str, float] = by_engine.get(described.get("engine"), {})
    return times

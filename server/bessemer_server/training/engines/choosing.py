"""The engine for a model: measured when it is loaded, on the machine that will run it.

Each engine answers samples that are made from the model's definition. One that does not agree with torch is out; of the others the
fastest is taken, by the product of its times for one sample and for a middle batch: twice as fast in one counts as much as
twice as fast in the other. A model that takes long for one sample is compared by that alone, since a batch takes it as
many times longer.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping

from bessemer_server.training import published
from bessemer_server.training.engines import kinds, torch_eager
from bessemer_server.training.exchange import agreement, samples

MIDDLE = 8
"""Samples in the middle batch."""
ENOUGH_S = 0.03
"""Time that is spent on each measurement, at least one run."""
SLOW_S = 0.02
"""From here on one sample is measure enough."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """How an engine did."""

    problem: str | None = None
    """Why it cannot be taken."""
    times_us: dict[int, float] = dataclasses.field(default_factory=dict)
    """Shortest time by batch size; none where the engine was named."""

    @property
    def score(self) -> float:
        """Less is better."""
        return math.inf if self.problem else math.prod(self.times_us.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was taken, by name, and the trials of all by name."""

    name: str
    engine: kinds.Engine
    trials: dict[str, Trial]

    def describe(self) -> dict[str, str]:
        """`engine`, `engine_us` (JSON: µs by engine and batch size) and `engine_problems`, those that there are."""
        times = {name: _round(trial.times_us) for name, trial in self.trials.items() if trial.times_us}
        problems = {name: trial.problem for name, trial in self.trials.items() if trial.problem}
        return {
            "engine": self.name,
            **({"engine_us": json.dumps(times)} if times else {}),
            **({"engine_problems": json.dumps(problems)} if problems else {}),
        }


def choose(model: published.Published, threads: int, wanted: str = kinds.AUTO) -> Choice:
    """The engine that is `wanted`, or the fastest; torch where that is not to be had. Raises `errors.NotFound` for a name that no
    engine has.
    """
    reference = torch_eager.TorchEager(model)
    found: dict[str, kinds.Engine] = {torch_eager.TORCH.name: reference}
    trials = {torch_eager.TORCH.name: Trial()}
    inputs = samples.draw(model.definition, MIDDLE)
    candidates = _candidates(model, wanted)
    expected = reference.run(inputs) if candidates else inputs
    for kind in candidates:
        try:
            engine = kind.build(model, threads)
            problem = agreement.find_difference(expected, engine.run(inputs))
        except Exception as error:  # whatever another library thinks of a model, torch can run it
            trials[kind.name] = Trial(_describe(error))
        else:
            found[kind.name], trials[kind.name] = engine, Trial(problem and f"its answer {problem}")
    sound = {name for name, trial in trials.items() if not trial.problem}
    if wanted == kinds.AUTO:  # be there no choice: devices are compared by the times of their best
        trials |= _race({name: found[name] for name in sound}, inputs)
        name = min(sound, key=lambda name: trials[name].score)
    else:
        name = wanted if wanted in sound else torch_eager.TORCH.name
    return Choice(name, found[name], trials)


def _candidates(model: published.Published, wanted: str) -> list[kinds.Kind]:
    """Engines to try beside torch."""
    named = list(kinds.REGISTRY) if wanted == kinds.AUTO else [kinds.REGISTRY.get(wanted)]
    return [kind for kind in named if kind is not torch_eager.TORCH and model.device.type in kind.devices]


def _race(engines: dict[str, kinds.Engine], inputs: kinds.Array) -> dict[str, Trial]:
    singles = {name: _time(engine, inputs[:1]) for name, engine in engines.items()}
    if min(singles.values()) > SLOW_S:
        return {name: Trial(None, {1: single * 1e6}) for name, single in singles.items()}
    return {
        name: Trial(None, {1: single * 1e6, MIDDLE: _time(engines[name], inputs) * 1e6})
        for name, single in singles.items()
    }


def _time(engine: kinds.Engine, inputs: kinds.Array) -> float:
    """Seconds of the shortest run: what others do on the machine only makes it longer."""
    begin, shortest = time.perf_counter(), math.inf
    engine.run(inputs)
    while shortest == math.inf or time.perf_counter() - begin < ENOUGH_S:
        start = time.perf_counter()
        engine.run(inputs)
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def _round(times_us: Mapping[int, float]) -> dict[int, int]:
    return {size: round(time_us) for size, time_us in times_us.items()}


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, kinds.CannotRun) else f"{type(error).__name__}: {error}"

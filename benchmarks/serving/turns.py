"""Two systems asked in turns, so that what else the machine does hits both."""

from __future__ import annotations

import dataclasses

from benchmarks.serving import load, systems

Runs = dict[int, tuple[list[load.Sample], list[load.Sample]]]
"""By clients: the samples of the one and of the other, in pairs."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    clients: list[int]
    rounds: int
    seconds: float
    """Of each run."""


def take(plan: Plan, one: systems.System, other: systems.System) -> Runs:
    """Every load in every round."""
    runs: Runs = {clients: ([], []) for clients in plan.clients}
    for number in range(plan.rounds):
        for clients in plan.clients:
            pair = ((one, runs[clients][0]), (other, runs[clients][1]))
            for system, samples in pair if number % 2 else reversed(pair):
                samples.append(load.run(system.target, system.pid, clients=clients, seconds=plan.seconds))
    return runs

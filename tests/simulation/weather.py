"""What goes wrong in one run, and how often: each seed draws its own mixture, so that some runs are all of one kind."""

from __future__ import annotations

import dataclasses
import random


@dataclasses.dataclass(frozen=True, slots=True)
class Weather:
    """Probabilities are per call, pauses are means in seconds of virtual time; 0 is never."""

    servers: int
    slots: int
    clients: int
    calm_after_s: float
    """From then on nothing goes wrong any more, and all must come to its end."""
    network_delay_s: float
    lost_request: float
    lost_reply: float
    duplicate: float
    """The same message arrives again, some time later."""
    store_delay_s: float
    store_refuses: float
    store_forgets: float
    """A write is committed, and its caller is told that nobody knows."""
    failed_start: float
    """A trainer cannot be started, or is started and nobody is told."""
    poison: float
    """Share of jobs whose trainers die before their first checkpoint."""
    trainer_crash_s: float
    trainer_freeze_s: float
    server_kill_s: float
    server_stop_s: float
    clock_jump_s: float
    watcher_cut_s: float


def draw(seed: int) -> Weather:
    """The weather of a seed."""
    dice = random.Random(f"{seed}/weather")

    def some(*values: float) -> float:
        return dice.choice([0.0, *values])

    return Weather(
        servers=dice.choice([1, 1, 2]),
        slots=dice.choice([1, 2, 3]),
        clients=dice.choice([1, 2]),
        calm_after_s=dice.choice([8.0, 16.0]),
        network_delay_s=dice.choice([0.001, 0.02, 0.2]),
        lost_request=some(0.02, 0.1),
        lost_reply=some(0.02, 0.1),
        duplicate=some(0.05, 0.2),
        store_delay_s=some(0.002, 0.05),
        store_refuses=some(0.01, 0.05),
        store_forgets=some(0.01, 0.05),
        failed_start=some(0.1, 0.4),
        poison=some(0.1, 0.3),
        trainer_crash_s=some(2.0, 8.0),
        trainer_freeze_s=some(2.0, 8.0),
        server_kill_s=some(3.0, 8.0),
        server_stop_s=some(4.0, 10.0),
        clock_jump_s=some(1.0, 4.0),
        watcher_cut_s=some(0.5, 2.0),
    )


PASSING = frozenset({
    "lost_request", "lost_reply", "duplicate", "store_refuses", "store_forgets", "failed_start",
    "trainer_crash_s", "trainer_freeze_s", "server_kill_s", "server_stop_s", "clock_jump_s", "watcher_cut_s",
})  # fmt: skip


def calm(weather: Weather) -> Weather:
    """The same, once the storm is over."""
    return Weather(**{**dataclasses.asdict(weather), **dict.fromkeys(PASSING, 0.0)})

"""How often each fault was done, and what came of it: the table at the end of a run."""

from __future__ import annotations

import dataclasses
import os
import time

SHARE = float(os.environ.get("TORTURE_SHARE", "1"))
"""Of the injections of the long form; a tenth of them is a look, not a proof."""
SEED = int(os.environ.get("TORTURE_SEED", "1"))
"""Decides at which moments faults come; the same seed draws the same pauses."""
COUNTS = {
    "kill -9 of a trainer": 500,
    "kill -9 of the server": 200,
    "kill -9 of everything": 100,
    "SIGSTOP past the lease": 50,
}


@dataclasses.dataclass
class Row:
    """One fault."""

    fault: str
    wanted: int
    injections: int = 0
    jobs: int = 0
    exposed: int = 0
    """Trainers that could have been lost."""
    restarted: int = 0
    """Attempts beyond the first."""
    begun: float = dataclasses.field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.injections >= self.wanted

    def finish(self) -> None:
        """Only what has passed every check comes into the table."""
        self.seconds = time.monotonic() - self.begun
        ROWS.append(self)


ROWS: list[Row] = []


def begin(fault: str) -> Row:
    return Row(fault, max(1, round(COUNTS[fault] * SHARE)))


def lines() -> list[str]:
    """A table in Markdown."""
    head = [
        f"seed {SEED}",
        "",
        "| fault | injections | jobs, all as unbroken | attempts begun again | seconds |",
    ]
    return [
        *head,
        "|---|--:|--:|--:|--:|",
        *(
            f"| {row.fault} | {row.injections} | {row.jobs} | {row.restarted} of {row.exposed} trainers hit "
            f"| {row.seconds:.0f} |"
            for row in ROWS
        ),
    ]

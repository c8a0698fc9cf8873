"""A figure: repeated measurements of one thing, with the aim that it is held to."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, run by run."""

    name: str
    unit: str
    values: Sequence[float]
    aim: float | None = None
    """The median should be at most this; None where nothing was promised."""

    @property
    def median(self) -> float:
        """Of all runs."""
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median keeps to the aim; None without one."""
        return None if self.aim is None else self.median <= self.aim

    def cells(self) -> tuple[str, ...]:
        """A row of a table: name, median, spread, runs, aim, verdict."""
        verdict = {True: "met", False: "missed", None: ""}[self.is_met]
        spread = f"{self._format(min(self.values))} to {self._format(max(self.values))}"
        aim = "" if self.aim is None else f"≤ {self.aim:g} {self.unit}"
        return (
            self.name,
            f"{self._format(self.median)} {self.unit}",
            spread,
            str(len(self.values)),
            aim,
            verdict,
        )

    def _format(self, value: float) -> str:
        return f"{value:.3f}" if self.unit in ("s", "x") else f"{value:.0f}"


HEADINGS = ("figure", "median", "lowest to highest", "runs", "aim", "")
Measure = Callable[[int], list[Figure]]
"""Takes the number of runs."""

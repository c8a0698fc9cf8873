"""The figures as Markdown."""

from __future__ import annotations

import dataclasses
import statistics

from benchmarks import machine
from benchmarks.serving import load, systems, turns

HEAD = """| clients | | requests/s | lowest to highest | p50 ms | p99 ms | CPU-ms | MiB | ours: requests/s | p99 ms | CPU-ms | ours / theirs |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""
INTRODUCTION = """# Predictions under load

{about}.

Closed loop by h2load: so many clients, each with a connection of its own (gRPC, or HTTP/1.1 where a server speaks nothing else) and one request under way. Each line is a server beside ours, asked in turns; medians of the rounds. CPU-ms: processor time of the server with all its processes, per request. Every server gave our answer
to a sample before it was measured."""


@dataclasses.dataclass(slots=True)
class Page:
    """What was found."""

    about: str
    """What was asked."""
    lines: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    """Clients, and the line of the table."""
    missing: list[str] = dataclasses.field(default_factory=list)

    def add(self, ours: systems.System, other: systems.System, runs: turns.Runs) -> None:
        """A server beside ours."""
        for clients, (mine, theirs) in runs.items():
            rates = [sample.requests_per_second for sample in theirs]
            cells = [
                f"{clients}",
                other.name,
                _rate(_median(theirs, "requests_per_second")),
                f"{_rate(min(rates))} to {_rate(max(rates))}",
                *_cells(theirs),
                f"{_median(theirs, 'memory_mib'):,.0f}",
                _rate(_median(mine, "requests_per_second")),
                *_cells(mine)[1:],
                f"{_median(mine, 'requests_per_second') / _median(theirs, 'requests_per_second'):.2f}",
            ]
            self.lines.append((clients, f"| {' | '.join(cells)} |"))

    def miss(self, name: str, reason: str) -> None:
        """A server that could not be measured."""
        self.missing.append(f"- {name}: {reason}")

    def render(self, command: str) -> str:
        """The page."""
        table = "\n".join([HEAD, *(line for _, line in sorted(self.lines, key=lambda entry: entry[0]))])
        origin = "\n".join(
            f"- {key}: {value}" for key, value in (machine.describe() | {"command": command}).items()
        )
        missing = "\n".join(["Not measured:", "", *self.missing, "", ""]) if self.missing else ""
        return f"{INTRODUCTION.format(about=self.about)}\n\n{table}\n\n{missing}{origin}\n"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def _cells(samples: list[load.Sample]) -> list[str]:
    return [
        f"{_median(samples, 'p50_ms'):.2f}",
        f"{_median(samples, 'p99_ms'):.2f}",
        f"{_median(samples, 'cpu_ms'):.3f}",
    ]


def _median(samples: list[load.Sample], field: str) -> float:
    return float(statistics.median(getattr(sample, field) for sample in samples))

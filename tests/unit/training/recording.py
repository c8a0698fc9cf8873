"""An observer that keeps all it is told, and gives a command at a step of the test's choice."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bessemer_server.domain import jobs, metrics
from bessemer_server.training import loop


class Recorder:
    """Answers CONTINUE until `stop_after` steps were done in this run, then `command`."""

    def __init__(self, stop_after: int | None = None, command: jobs.Command = jobs.Command.PREEMPT) -> None:
        self.points: dict[tuple[metrics.Scope, str, int], metrics.Metric] = {}
        self.snapshots: list[loop.Snapshot] = []
        self.drawn: dict[int, Any] = {}
        self.reports: list[jobs.Progress] = []
        self._left = stop_after
        self._command = command

    def record(self, points: Any) -> None:
        for point in points:
            self.points[point.scope, point.name, point.step] = point

    def progress(self, progress: jobs.Progress) -> None:
        self.reports.append(progress)

    def checkpoint(self, snapshot: loop.Snapshot) -> None:
        self.snapshots.append(snapshot)

    @property
    def is_saving(self) -> bool:
        return False

    def pictures(self, drawn: loop.Drawn) -> None:
        self.drawn[drawn.epoch] = drawn.pictures

    def command(self) -> jobs.Command:
        if self._left is None:
            return jobs.Command.CONTINUE
        self._left -= 1
        return self._command if self._left < 0 else jobs.Command.CONTINUE

    def values(self, scope: metrics.Scope, name: str) -> list[float]:
        """Values of one metric, in the order of steps."""
        found = [p for (s, n, _), p in self.points.items() if (s, n) == (scope, name)]
        return [point.value for point in sorted(found, key=lambda point: point.step)]


def environment(threads: int = 1) -> loop.Environment:
    """The CPU, and no data set folder."""
    return loop.Environment("cpu", threads, None, Path(tempfile.gettempdir()) / "absent")


def stop(spec: Mapping[str, Any], recorder: Recorder) -> loop.Snapshot:
    """Train until the recorder says stop; the snapshot that it was given."""
    outcome = loop.run(spec, environment(), recorder)
    assert isinstance(outcome, loop.Stopped)
    return recorder.snapshots[-1]


def train(
    spec: Mapping[str, Any], recorder: Recorder | None = None, resume: loop.Snapshot | None = None
) -> tuple[loop.Trained, Recorder]:
    """Train to the end."""
    recorder = recorder or Recorder()
    outcome = loop.run(spec, environment(), recorder, resume)
    assert isinstance(outcome, loop.Trained)
    return outcome, recorder

"""Whether a process is at work, by what the kernel tells of it."""

from __future__ import annotations

import pathlib

PROC = pathlib.Path("/proc")
AT_REST = frozenset("TtZX")
"""States of processes that are stopped or dead."""


class Watch:
    """Remembers how much processor time each process had used when it was last asked about."""

    def __init__(self, proc: pathlib.Path = PROC) -> None:
        self._proc = proc
        self._ticks: dict[int, int] = {}

    def is_busy(self, pid: int) -> bool:
        """Whether the process has used the processor since the last time; at first, whether it could. False where the
        system does not say.
        """
        try:
            text = (self._proc / str(pid) / "stat").read_text()
        except OSError:
            self._ticks.pop(pid, None)
            return False
        fields = text.rpartition(")")[2].split()  # the name before may have blanks
        state, ticks = fields[0], int(fields[11]) + int(fields[12])
        before = self._ticks.get(pid, -1)
        self._ticks[pid] = ticks
        return state not in AT_REST and ticks > before

"""Who goes first where there are fewer cores than work: docs/decisions/0021-predictions-go-before-training.md."""

from __future__ import annotations

import contextlib
import os
import pathlib

PREDICTIONS, WORK = 5, 10
"""How far a process stands back (`nice`): the server, and what it asks before it answers, go before predictions, and these before what
takes minutes.
"""
AUTOGROUP = pathlib.Path("/proc/self/autogroup")


def stand_back(steps: int) -> None:
    """Let those that stand back less go first."""
    os.nice(steps)


def lead_session(steps: int) -> None:
    """The same, in a session of its own. Linux may share out its cores between sessions, and looks at no process' own steps then but
    at the session's: sched(7), autogroup.
    """
    os.setsid()
    stand_back(steps)
    with contextlib.suppress(OSError):  # no Linux, or one without such groups
        AUTOGROUP.write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))

"""States of a job and the legal moves between them, in one table.

`docs/states.md` is rendered from this table and a test holds the two together.
"""

from __future__ import annotations

import enum

from bessemer_server.domain import errors


class State(enum.StrEnum):
    """Where a job stands. Names are those of `bessemer.v1.Job.State`."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing happens to a job in this state by itself: only a person's retry leads out of it."""
        return self in TERMINAL

    @property
    def is_active(self) -> bool:
        """Whether an attempt holds a slot in this state."""
        return self in ACTIVE


S = State
MOVES: dict[State, frozenset[State]] = {
    S.QUEUED: frozenset({S.STARTING, S.CANCELLED, S.PAUSED, S.FAILED}),
    # Back to QUEUED: the attempt was lost or preempted, and another one may follow.
    S.STARTING: frozenset({S.RUNNING, S.QUEUED, S.CANCELLING, S.PAUSING, S.SUCCEEDED, S.FAILED}),
    S.RUNNING: frozenset({S.QUEUED, S.CANCELLING, S.PAUSING, S.SUCCEEDED, S.FAILED}),
    # Cancel and pause are requests: a trainer that was about to finish may still do so.
    S.CANCELLING: frozenset({S.CANCELLED, S.SUCCEEDED, S.FAILED}),
    S.PAUSING: frozenset({S.PAUSED, S.CANCELLING, S.SUCCEEDED, S.FAILED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLED}),
    # Back to QUEUED: somebody asked for a retry.
    S.CANCELLED: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.SUCCEEDED: frozenset(),
}
ACTIVE = frozenset({S.STARTING, S.RUNNING, S.PAUSING, S.CANCELLING})
TERMINAL = frozenset({S.CANCELLED, S.SUCCEEDED, S.FAILED})


def check_move(source: State, target: State) -> None:
    """Raise `errors.FailedPrecondition` unless the table has the move from `source` to `target`."""
    if target not in MOVES[source]:
        raise errors.FailedPrecondition(
            f"a job that is {source} cannot become {target}", reason="ILLEGAL_MOVE"
        )

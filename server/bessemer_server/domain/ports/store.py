"""The store as a whole."""

from __future__ import annotations

from typing import Protocol

from bessemer_server.domain.jobs import Obstacle
from bessemer_server.domain.ports.attempts import Attempts
from bessemer_server.domain.ports.checkpoints import Checkpoints
from bessemer_server.domain.ports.datasets import Datasets
from bessemer_server.domain.ports.history import History
from bessemer_server.domain.ports.holds import Holds
from bessemer_server.domain.ports.jobs import Jobs
from bessemer_server.domain.ports.models import Models


class Store(Jobs, Attempts, Checkpoints, Holds, History, Models, Datasets, Protocol):
    """Jobs, attempts, metrics, events, checkpoints and models: the truth.

    Each method is one transaction: when it returns, what it did survives a crash. Every change of a job's state appends
    a `StateChanged` event in the same transaction, moves are checked against `states.MOVES`, and events are numbered
    per job from 1 without gaps. Methods with an `attempt` raise `errors.StaleAttempt`, changing nothing, unless that
    attempt is the job's current one and the job is in an active state. Unknown jobs raise `errors.NotFound`.
    """

    def obstacle(self) -> Obstacle | None:
        """Why nothing can be written now; None while all is well."""
        ...

    async def close(self) -> None: ...

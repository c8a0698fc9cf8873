"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from bessemer_server.domain.events import Event
from bessemer_server.domain.jobs import Page, Time
from bessemer_server.domain.logs import LogLine, PrintedLine
from bessemer_server.domain.metrics import Metric, Scope


class History(Protocol):
    """What has happened to a job: events, metrics, and what its trainers printed."""

    async def events(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Events with a cursor above `after`, in order. Raises `InvalidArgument` when `after` is beyond the last."""
        ...

    async def last_cursors(self, job_ids: Iterable[str]) -> Mapping[str, int]:
        """`Job.last_cursor` of each of these jobs, without those that are not there."""
        ...

    async def transitions(self, job_id: str) -> Sequence[Event]:
        """Its `StateChanged` events, in order."""
        ...

    async def list_metrics(
        self, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
    ) -> Page[Metric]:
        """Ordered by (scope, name, step); no scopes means all."""
        ...

    async def append_log(self, job_id: str, attempt: int, lines: Sequence[PrintedLine], now: Time) -> None:
        """Keep what a trainer printed; lines up to `log_position` are there already and change nothing. Taken from past
        attempts too: last words often come late. Of each attempt the newest lines are kept, see `domain.logs`.
        """
        ...

    async def log_position(self, job_id: str, attempt: int) -> int:
        """End of the attempt's last line that was kept, in bytes of what was printed; 0 before the first."""
        ...

    async def read_log(self, job_id: str, attempt: int, after: int, limit: int) -> Sequence[LogLine]:
        """Lines with a cursor above `after`, in order, of one attempt, or with 0 of all."""
        ...

    async def last_log_lines(self, job_id: str, attempt: int, limit: int) -> Sequence[LogLine]:
        """The newest lines of an attempt, oldest first."""
        ...

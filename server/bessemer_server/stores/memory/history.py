"""Events, metrics and logs in memory: `domain.ports.History`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bessemer_server.domain import logs
from bessemer_server.domain.events import Event, StateChanged
from bessemer_server.domain.jobs import Page, Time
from bessemer_server.domain.logs import LogLine, PrintedLine
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.stores import paging, rules
from bessemer_server.stores.memory.records import Records


class History(Records):
    """What has happened to a job, in order."""

    async def events(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        record = self._record(job_id)
        rules.check_cursor(record.job, after)
        first = max(after, 0)
        return record.events[first : first + limit]

    async def last_cursors(self, job_ids: Iterable[str]) -> Mapping[str, int]:
        wanted = set(job_ids)
        return {job.id: job.last_cursor for job in self._jobs() if job.id in wanted}

    async def transitions(self, job_id: str) -> Sequence[Event]:
        return [event for event in self._record(job_id).events if isinstance(event.kind, StateChanged)]

    async def list_metrics(
        self, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
    ) -> Page[Metric]:
        paging.check_size(page_size)
        wanted = frozenset(scopes)
        listing = paging.metrics_listing(job_id, wanted)
        after = paging.decode(listing, page_token)
        points = sorted(self._record(job_id).metrics.values(), key=rules.key)
        points = [point for point in points if not wanted or point.scope in wanted]
        if after is not None:
            points = [point for point in points if rules.key(point) > tuple(after)]
        return paging.make_page(points[: page_size + 1], page_size, listing, paging.metric_position)

    async def append_log(self, job_id: str, attempt: int, lines: Sequence[PrintedLine], now: Time) -> None:
        record, known = self._record(job_id), await self.log_position(job_id, attempt)
        for line in lines:
            if line.position > known:
                cursor = record.lines[-1][0].cursor + 1 if record.lines else 1
                record.lines.append((LogLine(cursor, attempt, now, line.text), line.position))
        record.lines = [pair for pair in record.lines if not _is_old(*pair, record.lines)]

    async def log_position(self, job_id: str, attempt: int) -> int:
        return max((end for line, end in self._record(job_id).lines if line.attempt == attempt), default=0)

    async def read_log(self, job_id: str, attempt: int, after: int, limit: int) -> Sequence[LogLine]:
        lines = [line for line, _ in self._record(job_id).lines if attempt in (0, line.attempt)]
        return [line for line in lines if line.cursor > after][:limit]

    async def last_log_lines(self, job_id: str, attempt: int, limit: int) -> Sequence[LogLine]:
        return (await self.read_log(job_id, attempt, 0, 1 << 62))[-limit:]


def _is_old(line: LogLine, end: int, among: list[tuple[LogLine, int]]) -> bool:
    newest, newest_end = next(pair for pair in reversed(among) if pair[0].attempt == line.attempt)
    if line is newest:
        return False
    return line.cursor <= newest.cursor - logs.KEPT_LINES or end <= newest_end - logs.KEPT_BYTES

"""Events of jobs for their watchers: read once, whoever and however many watch.

Events are numbered without gaps and never change, so a page of them is the same for everybody: a full one is kept for
those who come later, and the last one is read on by whoever hears first that there is more.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence

from bessemer.v1 import jobs_pb2 as pb
from bessemer_server.domain import ports
from bessemer_server.domain.events import Event, StateChanged
from bessemer_server.rpc import convert, sending
from bessemer_server.scheduling.notices import Notices

PAGE = 500
"""Events of one page, and of one read."""
KEPT_PAGES = 256
"""About 64 MiB."""


class _Page:
    """Events of one job from one number on."""

    def __init__(self, store: ports.History, job_id: str, after: int) -> None:
        self._store = store
        self._job_id = job_id
        self._after = after
        self._reading = asyncio.Lock()
        self._begun = 0
        self.messages: list[pb.JobEvent] = []
        self.last: Event | None = None

    @property
    def is_full(self) -> bool:
        return len(self.messages) == PAGE

    async def read_on(self) -> None:
        """See what is stored now. Who asks while a read is on its way shares the next one: that one may have begun before
        what the asker was told of.
        """
        seen = self._begun
        async with self._reading:
            if self._begun > seen or self.is_full:
                return
            self._begun += 1
            count = len(self.messages)
            for event in await self._store.events(self._job_id, self._after + count, PAGE - count):
                self.messages.append(convert.event_to_wire(event))
                self.last = event


class _LastCursors:
    """How far jobs have come. Who asks while a query is on its way shares the next one: a thousand watchers who come together ask two or
    three times, and whoever needs the store meanwhile waits for one of these.
    """

    def __init__(self, store: ports.History) -> None:
        self._store = store
        self._reading = asyncio.Lock()
        self._next = _Query(set())

    async def find(self, job_id: str) -> int | None:
        """The number of its last event; None where it is not there."""
        query = self._next
        query.job_ids.add(job_id)
        async with self._reading:
            if query.found is None:
                self._next = _Query(set())
                query.found = await self._store.last_cursors(query.job_ids)
        return query.found.get(job_id)


@dataclasses.dataclass(slots=True)
class _Query:
    job_ids: set[str]
    found: Mapping[str, int] | None = None


class Feeds:
    """What the watchers of one server share."""

    def __init__(self, store: ports.History, notices: Notices) -> None:
        self._store = store
        self._notices = notices
        self._lasts = _LastCursors(store)
        self._pages: collections.OrderedDict[tuple[str, int], _Page] = collections.OrderedDict()

    async def follow(self, job_id: str, cursor: int) -> AsyncGenerator[Sequence[pb.JobEvent], None]:
        """Events after `cursor` in pieces, until after that of a terminal state that none follows: a retried job goes on. Raises
        `NotFound`, `InvalidArgument`.
        """
        await self._check(job_id, cursor)
        with self._notices.listen(job_id) as changed:
            while True:
                changed.clear()
                page = await self._read(job_id, cursor // PAGE)
                for piece in sending.cut(page.messages[cursor % PAGE :]):
                    yield piece
                    cursor = piece[-1].cursor
                if page.is_full:
                    continue
                if await self._is_end(job_id, cursor):
                    return
                await changed.wait()

    async def _check(self, job_id: str, cursor: int) -> None:
        """Raise for a job that was deleted, and for a cursor beyond its last."""
        last = await self._lasts.find(job_id)
        if last is None or cursor > last:
            await self._store.events(job_id, cursor, 0)  # says what is wrong

    async def _is_end(self, job_id: str, cursor: int) -> bool:
        """Whether the event with this number, the last one that was stored a moment ago, ends the job."""
        page = await self._find(job_id, (cursor - 1) // PAGE)
        last = page.last.kind if page.last and page.last.cursor == cursor else None
        return isinstance(last, StateChanged) and last.state.is_terminal

    async def _find(self, job_id: str, number: int) -> _Page:
        page = self._pages.get((job_id, number))
        return page or await self._read(job_id, number)

    async def _read(self, job_id: str, number: int) -> _Page:
        page = self._pages.setdefault((job_id, number), _Page(self._store, job_id, number * PAGE))
        self._pages.move_to_end((job_id, number))
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        if not page.is_full:
            await page.read_on()
        return page

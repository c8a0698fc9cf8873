"""Tells watchers of this process that a job changed. Only a hint: the store is what they read."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator


class Notices:
    """One event per job that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Event, None]] = defaultdict(dict)

    def announce(self, job_id: str) -> None:
        """Wake all that wait for this job."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    def listened(self) -> list[str]:
        """Jobs that somebody waits for."""
        return list(self._waiting)

    @contextlib.contextmanager
    def listen(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change of the job within the block."""
        event = asyncio.Event()
        self._waiting[job_id][event] = None
        try:
            yield event
        finally:
            del self._waiting[job_id][event]
            if not self._waiting[job_id]:
                del self._waiting[job_id]


async def wait_up_to(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or the time is over. Before Python 3.12, `asyncio.wait_for` can swallow a cancellation that
    comes together with the event: a server told to stop then waits for ever (python/cpython#86296).
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

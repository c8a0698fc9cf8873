"""Notices of what other servers wrote: one query for all jobs that somebody watches here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from bessemer_server.domain import errors, ports
from bessemer_server.scheduling.notices import Notices

log = logging.getLogger(__name__)

POLL_S = 1.0


class Poller:
    """Announces jobs whose last event is another one than at the last look."""

    def __init__(self, store: ports.History, notices: Notices) -> None:
        self._store = store
        self._notices = notices
        self._seen: Mapping[str, int] = {}

    async def run(self) -> None:
        """Look until cancelled. An error of the store ends a look, never the loop."""
        while True:
            try:
                await self.look()
            except errors.DomainError as error:
                log.warning("watched jobs could not be looked at", extra={"error": error.message})
            except Exception:
                log.exception("watched jobs could not be looked at")
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """One query, however many watch; none when nobody does."""
        watched = self._notices.listened()
        found = await self._store.last_cursors(watched) if watched else {}
        for job_id in watched:  # one that is gone, too: its watchers must hear of it
            if found.get(job_id) != self._seen.get(job_id, -1) or job_id not in found:
                self._notices.announce(job_id)
        self._seen = found

"""Collects the blobs that nothing needs any more, a little at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bessemer_server.domain import errors, ports
from bessemer_server.domain.jobs import Time
from bessemer_server.scheduling.loop import utc_now
from bessemer_server.scheduling.notices import wait_up_to

log = logging.getLogger(__name__)

INTERVAL_S = 60.0
"""Between two sweeps over all blobs, unless something was deleted."""
PAUSE_S = 0.05
"""Between two steps of a sweep: writes of others come first."""
LOOK = 2000
"""Blobs that one step looks at: index entries, not bytes."""
TAKE = 32
"""Blobs that one step removes, up to 64 MiB: their pages are written by the transaction that frees them."""


class Collector:
    """Sweeps over the blobs in the background. What may go is decided in a transaction of the store."""

    def __init__(self, store: ports.Holds, clock: Callable[[], Time] = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was deleted, or ended: sweep now."""
        self._woken.set()

    async def run(self) -> None:
        """Sweep until cancelled. An error of the store ends a sweep, never the loop."""
        while True:
            self._woken.clear()
            try:
                await self.sweep()
            except errors.DomainError as error:
                log.warning("blobs could not be collected", extra={"error": error.message})
            except Exception:
                log.exception("blobs could not be collected")
            await wait_up_to(self._woken, INTERVAL_S)

    async def sweep(self) -> None:
        """Look at every blob once, a few at a time."""
        position = ""
        while True:
            found = await self._store.collect_blobs(position, LOOK, TAKE, self._clock())
            if found.removed:
                log.info("blobs collected", extra={"count": len(found.removed)})
            position = found.position
            if not position:
                return
            await asyncio.sleep(PAUSE_S)

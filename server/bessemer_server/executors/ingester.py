"""The server's side of the ingester processes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from bessemer_server.domain.datasets import Content, Upload
from bessemer_server.executors.helper import Helper

AT_ONCE = 2


class IngesterClient:
    """Forks a process for each upload: what a decoder took of memory, or broke, goes with it. A few at once."""

    def __init__(self, make_helper: Callable[[], Helper]) -> None:
        self._make_helper = make_helper
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ingest(self, upload: Upload) -> Content:
        """See `ports.Ingester.ingest`."""
        async with self._turns:
            helper = self._make_helper()
            try:
                answer, _ = await helper.call("ingest", dataclasses.asdict(upload))
            finally:
                await helper.close()
        return Content.from_json(answer)

"""Brings what the trainers of this machine print into the store, where it outlives them and this server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import pathlib
import shutil
from collections.abc import Callable

from bessemer_server.domain import errors, ports
from bessemer_server.executors import segments
from bessemer_server.worker import output

log = logging.getLogger(__name__)

PERIOD_S = 0.5
ROUNDS = 16
"""Reads at once of a trainer that goes on printing: others wait for their turn."""


class LogCollector:
    """`domain.ports.Logs` over the folder into which trainers write. What a killed server left there is taken up by the
    next one: the store knows how far each log was read.
    """

    def __init__(self, store: ports.Store, folder: pathlib.Path, announce: Callable[[str], None]) -> None:
        self._store = store
        self._folder = folder
        self._announce = announce
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            for path in await asyncio.to_thread(self._list):
                job_id, _, attempt = path.name.rpartition("-")
                await self.collect(job_id, int(attempt))
            await asyncio.sleep(PERIOD_S)

    async def collect(self, job_id: str, attempt: int) -> None:
        """See `ports.Logs.collect`."""
        try:
            async with self._one_at_a_time:
                await self._collect(job_id, attempt)
        except (errors.DomainError, OSError) as error:
            log.warning("log not collected", extra={"job": job_id, "attempt": attempt, "error": str(error)})
        except Exception:
            log.exception("log not collected", extra={"job": job_id, "attempt": attempt})

    def is_open(self, job_id: str) -> bool:
        """See `ports.Logs.is_open`."""
        return any(self._folder.glob(f"{job_id}-*"))

    async def _collect(self, job_id: str, attempt: int) -> None:
        folder = output.folder_of(self._folder, job_id, attempt)
        if not folder.is_dir():
            return
        is_over = await asyncio.to_thread(segments.is_over, folder)  # asked first: all is written then
        with contextlib.suppress(errors.NotFound):  # no job of this database: nobody will ask for it
            if not await self._bring(folder, job_id, attempt, to_the_end=is_over):
                return
        if is_over:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            self._announce(job_id)

    async def _bring(self, folder: pathlib.Path, job_id: str, attempt: int, *, to_the_end: bool) -> bool:
        """Whether nothing was left when it returned."""
        await self._store.get_job(job_id)
        position = await self._store.log_position(job_id, attempt)
        for _ in range(ROUNDS):
            lines = await asyncio.to_thread(segments.read, folder, position, to_the_end=to_the_end)
            if not lines:
                return True
            await self._store.append_log(job_id, attempt, lines, datetime.datetime.now(datetime.UTC))
            position = lines[-1].position
            self._announce(job_id)
        return False

    def _list(self) -> list[pathlib.Path]:
        """Folders of attempts; what else somebody has put there is left alone."""
        found = self._folder.glob("*-*")
        return sorted(path for path in found if path.name.rpartition("-")[2].isdecimal())

"""Following the events of a job: read from the store, woken by notices."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bessemer_server.domain import ports
from bessemer_server.domain.events import Event
from bessemer_server.scheduling.notices import Notices, wait_up_to

PAGE = 500
POLL_S = 1.0
"""How often the store is asked without a notice: another server may have written."""


async def follow(store: ports.Store, notices: Notices, job_id: str, cursor: int) -> AsyncIterator[Event]:
    """Events after `cursor`, until after that of a terminal state that none follows: a retried job goes on. Raises
    `NotFound`, `InvalidArgument`.
    """
    with notices.listen(job_id) as changed:
        while True:
            changed.clear()
            found = await store.events(job_id, cursor, PAGE)
            for event in found:
                yield event
                cursor = event.cursor
            if len(found) < PAGE:
                job = await store.get_job(job_id)
                if job.state.is_terminal and job.last_cursor == cursor:
                    return
                await wait_up_to(changed, POLL_S)

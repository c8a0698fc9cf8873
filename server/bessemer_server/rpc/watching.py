"""Following the events of a job: read from the store, woken by notices."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bessemer_server.domain import ports
from bessemer_server.domain.events import Event, StateChanged
from bessemer_server.scheduling.notices import Notices, wait_up_to

PAGE = 500
POLL_S = 1.0
"""How often the store is asked without a notice: another server may have written."""


async def follow(store: ports.Store, notices: Notices, job_id: str, cursor: int) -> AsyncIterator[Event]:
    """Events after `cursor`, until after that of a terminal state. Raises `NotFound`, `InvalidArgument`."""
    with notices.listen(job_id) as changed:
        while True:
            changed.clear()
            found = await store.events(job_id, cursor, PAGE)
            for event in found:
                yield event
                cursor = event.cursor
                if isinstance(event.kind, StateChanged) and event.kind.state.is_terminal:
                    return
            if len(found) < PAGE:
                if (await store.get_job(job_id)).state.is_terminal and not found:
                    return  # the cursor was already behind the last event
                await wait_up_to(changed, POLL_S)

"""Following what the trainers of a job print: read from the store, woken by notices."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from bessemer_server.domain import ports
from bessemer_server.domain.logs import LogLine
from bessemer_server.rpc import sending
from bessemer_server.scheduling.notices import Notices, wait_up_to

PAGE = 500
POLL_S = 1.0
"""How often the store is asked without a notice: another server may have written."""
LAST_WORDS_POLLS = 5
"""How often the log of an ended job is asked for more, whose trainer is still there."""


async def read_log(
    store: ports.Store,
    notices: Notices,
    logs: ports.Logs,
    job_id: str,
    *,
    attempt: int,
    cursor: int,
    follow: bool,
) -> AsyncGenerator[Sequence[LogLine], None]:
    """Lines after `cursor`, in pieces; with `follow` until those of an ended job are complete. Raises `NotFound`."""
    current = attempt or (await store.get_job(job_id)).attempt
    await logs.collect(job_id, current)
    patience = LAST_WORDS_POLLS
    with notices.listen(job_id) as changed:
        while True:
            changed.clear()
            # Asked before the lines are read: what comes later is not missed.
            is_complete = (await store.get_job(job_id)).state.is_terminal and not logs.is_open(job_id)
            while found := await store.read_log(job_id, attempt, cursor, PAGE):
                for piece in sending.cut(found):
                    yield piece
                cursor = found[-1].cursor
            if is_complete or not follow or patience == 0:
                return
            if (await store.get_job(job_id)).state.is_terminal:
                patience -= 1
            await wait_up_to(changed, POLL_S)

"""What becomes of a job whose trainer cannot be started."""

from __future__ import annotations

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Attempt
from bessemer_server.domain.states import State
from bessemer_server.scheduling import loop, notices
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples
from tests.unit.scheduling.test_deadlines import NoLogs
from tests.unit.scheduling.test_restarts import Executor

BACK_OFF_S = 7.0


class Away(Executor):
    """Has no fork server."""

    tries = 0

    async def start(self, attempt: Attempt, token: str) -> int:
        self.tries += 1
        raise errors.Unavailable("the trainer could not be started (too many open files); try again")


async def test_it_waits_before_it_is_tried_again_and_that_is_no_loss() -> None:
    now_s = 0.0
    store, executor = MemoryStore(), Away()
    scheduler = loop.Scheduler(
        store,
        notices.Notices(),
        600.0,
        server="a",
        logs=NoLogs(),
        back_off_s=BACK_OFF_S,
        clock=lambda: samples.at(now_s),
    )
    scheduler._executor, scheduler._slots = executor, ["cpu#0@a"]
    await samples.create(store)
    for tick in range(1, 15):
        now_s = float(tick)
        await scheduler.tick()
    assert executor.tries == 2
    job = await store.get_job("job-1")
    assert (job.state, job.losses, job.attempt) == (State.QUEUED, 0, 2)
    assert job.next_attempt_time == samples.at(8 + BACK_OFF_S)
    assert "too many open files" in job.state_message

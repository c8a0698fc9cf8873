"""The end of an attempt whose job has run for longer than it may."""

from __future__ import annotations

from collections.abc import Sequence

from bessemer_server.domain.jobs import Attempt, Command, Exit, Reason
from bessemer_server.domain.states import State
from bessemer_server.scheduling import loop, losses, notices
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples


class Executor:
    """Starts nothing, and keeps whom it should have ended."""

    def __init__(self) -> None:
        self.killed: list[Attempt] = []
        self.exits: list[Exit] = []

    async def start(self, attempt: Attempt, token: str) -> int:
        raise AssertionError("nothing is to start")

    async def kill(self, attempt: Attempt) -> None:
        self.killed.append(attempt)

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        pass

    def is_busy(self, attempt: Attempt) -> bool:
        return False

    def drain_exits(self) -> Sequence[Exit]:
        exits, self.exits = self.exits, []
        return exits

    async def close(self) -> None: ...


class NoLogs:
    async def collect(self, job_id: str, attempt: int) -> None: ...

    def is_open(self, job_id: str) -> bool:
        return False


async def overdue(store: MemoryStore, run_s: float) -> tuple[loop.Scheduler, Executor, Attempt, Command]:
    scheduler = loop.Scheduler(
        store, notices.Notices(), 10.0, server="a", logs=NoLogs(), clock=lambda: samples.at(60)
    )
    executor = Executor()
    scheduler._executor = executor
    attempt = await samples.begin(store, max_runtime_s=5.0)
    command = await store.report("job-1", 1, [], samples.progress(3), samples.at(50), run_s=run_s)
    return scheduler, executor, attempt, command


async def test_a_trainer_that_does_not_stop_is_ended_and_its_job_fails() -> None:
    store = MemoryStore()
    scheduler, executor, attempt, command = await overdue(store, 36.0)
    assert command is Command.END
    await scheduler.end_overdue(attempt)
    job = await store.get_job("job-1")
    assert (job.state, executor.killed) == (State.FAILED, [attempt])
    assert job.failure is not None
    assert job.failure.reason is Reason.DEADLINE
    assert job.failure.evidence["run_seconds"] == "36.000"
    assert job.failure.evidence["max_runtime_seconds"] == "5"
    assert job.failure.evidence["step"] == "3"


async def test_a_trainer_that_dies_beyond_the_time_is_not_replaced() -> None:
    store = MemoryStore()
    scheduler, executor, _, _ = await overdue(store, 6.0)
    executor.exits = [Exit("job-1", 1, -9)]
    await scheduler.tick()
    job = await store.get_job("job-1")
    assert job.failure is not None
    assert (job.state, job.failure.reason) == (State.FAILED, Reason.DEADLINE)


async def test_a_job_that_was_to_be_cancelled_is_cancelled_all_the_same() -> None:
    store = MemoryStore()
    scheduler, _, attempt, _ = await overdue(store, 36.0)
    await store.request_cancel("job-1", samples.at(55))
    await scheduler.lose("job-1", attempt.number, losses.from_shutdown(), is_loss=False)
    assert (await store.get_job("job-1")).state is State.CANCELLED

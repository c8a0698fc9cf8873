"""What a server does with the attempts that it finds when it starts again."""

from __future__ import annotations

from collections.abc import Sequence

from bessemer_server.domain.jobs import Attempt, Exit
from bessemer_server.domain.states import State
from bessemer_server.scheduling import loop, notices
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples
from tests.unit.scheduling.test_deadlines import NoLogs

LEASE_S = 10.0


class Executor:
    """Starts nothing, sees everybody at work, and keeps whom it should have ended."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.adopted: set[str] = set()
        self.exits: list[Exit] = []

    async def start(self, attempt: Attempt, token: str) -> int:
        raise AssertionError("nothing is to start")

    async def kill(self, attempt: Attempt) -> None:
        self.killed.append(attempt.job_id)

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        self.adopted.update(attempt.job_id for attempt in attempts)

    def is_busy(self, attempt: Attempt) -> bool:
        return True

    def drain_exits(self) -> Sequence[Exit]:
        exits, self.exits = self.exits, []
        return exits

    async def close(self) -> None: ...


class Restarted:
    """A server `a` that had two slots and has one, beside a server `b` on the same store."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.store = MemoryStore()
        self.executor = Executor()
        self.scheduler = loop.Scheduler(
            self.store,
            notices.Notices(),
            LEASE_S,
            server="a",
            logs=NoLogs(),
            clock=lambda: samples.at(60),
            monotonic_s=lambda: self.now_s,
        )
        self.scheduler._executor, self.scheduler._slots = self.executor, ["cpu#0@a"]

    async def train_on(self, *slots: str) -> None:
        """One job on each, named after it."""
        for slot in slots:
            await samples.create(self.store, slot)
            await self.store.start_attempt(slot, slot, f"token of {slot}", samples.START)

    async def states(self) -> list[State]:
        """Of those jobs, in the order of their names."""
        jobs = [await self.store.get_job(slot) for slot in ("cpu#0@a", "cpu#0@b", "cpu#1@a")]
        return [job.state for job in jobs]


async def test_a_stop_ends_the_trainers_of_slots_that_the_server_no_longer_has_and_no_other_servers() -> None:
    server = Restarted()
    await server.train_on("cpu#0@a", "cpu#0@b", "cpu#1@a")
    await server.scheduler.drain(0.0)
    assert sorted(server.executor.killed) == ["cpu#0@a", "cpu#1@a"]
    assert await server.states() == [State.QUEUED, State.STARTING, State.QUEUED]


async def test_a_trainer_at_work_is_excused_also_on_a_slot_that_the_server_no_longer_has() -> None:
    server = Restarted()
    await server.train_on("cpu#0@a", "cpu#0@b", "cpu#1@a")
    server.scheduler.is_draining = True  # so that nothing starts
    while server.now_s <= LEASE_S:
        await server.scheduler.tick()
        server.now_s += 1
    assert await server.states() == [State.STARTING, State.QUEUED, State.STARTING]


async def test_trainers_are_adopted_on_whatever_slot_of_this_server_and_their_end_is_noticed_at_once() -> (
    None
):
    server = Restarted()
    await server.train_on("cpu#0@a", "cpu#0@b", "cpu#1@a")
    server.scheduler.is_draining = True  # so that nothing starts
    await server.scheduler.tick()
    assert server.executor.adopted == {"cpu#0@a", "cpu#1@a"}
    server.executor.exits = [Exit("cpu#1@a", 1, None)]
    await server.scheduler.tick()
    assert await server.states() == [State.STARTING, State.STARTING, State.QUEUED]

"""Servers of the simulation: the real scheduler, collector and servicers, on a store that delays, refuses and forgets."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bessemer_server.blobs.memory import MemoryBlobStore
from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Attempt, Exit, Time
from bessemer_server.domain.plans import Plan
from bessemer_server.rpc import jobs as rpc_jobs
from bessemer_server.rpc import worker as rpc_worker
from bessemer_server.scheduling import policy
from bessemer_server.scheduling.collector import Collector
from bessemer_server.scheduling.loop import Scheduler
from bessemer_server.scheduling.notices import Notices
from bessemer_server.scheduling.poller import Poller
from tests.simulation import contract, trainers

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
LEASE_TIMEOUT_S = 3.0
BACK_OFF_S = 0.5
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
READS = frozenset({
    "find_submitted", "get_job", "list_jobs", "queued_jobs", "queue_positions", "active_attempts", "authenticate", "latest_checkpoint",
    "list_checkpoints", "events", "last_cursors", "transitions", "list_metrics", "get_model", "find_dataset", "list_datasets",
    "picture_epochs", "get_pictures", "list_models",
})  # fmt: skip
UNWATCHED = frozenset({"hold_blobs", "release_blobs", "collect_blobs", "mark_damaged"})
"""Writes that are not of one job."""


class Store:
    """The store as one server sees it: each call may be slow, refused, or done and not confirmed."""

    def __init__(self, world: World, server: str) -> None:
        self._world, self._server = world, server
        self._dice = world.dice(f"{server} store")

    def obstacle(self) -> None:
        """The only question that is answered at once."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._world.store, name)

        async def call(*args: Any, **named: Any) -> Any:
            await self._delay()
            weather, dice = self._world.weather, self._dice
            if dice.random() < weather.store_refuses:
                raise errors.Unavailable("the database cannot do this now", reason="DATABASE_FAILED")
            result = await (
                method(*args, **named) if name in READS else self._write(name, method, args, named)
            )
            if name == "active_attempts":
                self._world.contract.leases_were_read(self._server, self._world.now_s())
            if name == "queued_jobs":
                self._world.contract.queue_was_read(self._server, args[1])
            await self._delay()
            if dice.random() < weather.store_forgets:
                raise errors.Unavailable("the database did not confirm", reason="COMMIT_FAILED")
            return result

        return call

    async def _write(self, name: str, method: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        world = self._world
        if name in UNWATCHED:
            return await method(*args, **named)
        job_id = args[0] if isinstance(args[0], str) else args[0].id
        before = world.contract.look(job_id)
        error: Exception | None = None
        try:
            return await method(*args, **named)
        except errors.DomainError as raised:
            error = raised
            raise
        finally:
            world.note(self._server, name, job_id, args[1:3], error)
            try:
                world.contract.written(self._server, name, args, before, error, at_s=world.now_s())
            except contract.BreachError as breach:
                world.end(breach)

    async def _delay(self) -> None:
        mean_s = self._world.weather.store_delay_s
        if mean_s and self._dice.random() < 0.3:
            await asyncio.sleep(self._dice.expovariate(1 / mean_s))


class Executor:
    """Starts simulated trainers, and sees those die that it started or adopted."""

    def __init__(self, world: World, server: Server) -> None:
        self._world, self._server = world, server
        self._dice = world.dice(f"{server.name} executor")
        self._mine: dict[tuple[str, int], trainers.Trainer] = {}
        self._exits: list[Exit] = []

    async def start(self, attempt: Attempt, token: str) -> int:
        await asyncio.sleep(self._dice.uniform(0, 0.05))
        failing = self._dice.random() < self._world.weather.failed_start
        if failing and self._dice.random() < 0.5:
            raise errors.Unavailable("the fork server ended")
        trainer = self._world.start_trainer(attempt, token, self._server)
        if failing:
            raise errors.Unavailable("the fork server ended")
        self._watch(attempt, trainer)
        await asyncio.sleep(self._dice.uniform(0, 0.05))
        return trainer.number

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            trainer = self._world.find_trainer(attempt.pid)
            if trainer and trainer.is_alive and not trainer.on_exit:
                self._world.tell(f"{self._server.name} adopts trainer {trainer.number}")
                self._watch(attempt, trainer)

    def _watch(self, attempt: Attempt, trainer: trainers.Trainer) -> None:
        key = attempt.job_id, attempt.number
        self._mine[key] = trainer
        trainer.on_exit = lambda status: self._note_exit(key, status)

    async def kill(self, attempt: Attempt) -> None:
        if trainer := self._mine.get((attempt.job_id, attempt.number)):
            trainer.end(-9)

    def is_busy(self, attempt: Attempt) -> bool:
        return False

    def drain_exits(self) -> Sequence[Exit]:
        exits, self._exits = self._exits, []
        return exits

    async def close(self) -> None:
        for trainer in list(self._mine.values()):
            trainer.end(-9)

    def forget(self) -> None:
        """The server is gone: nobody sees its trainers die."""
        for trainer in self._mine.values():
            trainer.on_exit = None

    def _note_exit(self, key: tuple[str, int], status: int) -> None:
        self._mine.pop(key, None)
        self._exits.append(Exit(*key, status=status))
        self._server.scheduler.wake()


class Planner:
    """Plans any specification: what training makes of it is not the subject here."""

    async def plan(self, spec: Any, *_: Any) -> Plan:
        return Plan({"options": {}, "checkpoint": {"keep_last": 2}, **spec}, (4,), ())


class Silence:
    """Logs of trainers that print nothing."""

    async def collect(self, job_id: str, attempt: int) -> None:
        pass

    def is_open(self, job_id: str) -> bool:
        return False


SILENCE = Silence()


class Server:
    """One server process, which can be killed, stopped and started again."""

    def __init__(self, world: World, number: int) -> None:
        self.name = f"server{number}"
        self._world = world
        self._ids = world.dice(f"{self.name} ids")
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in order: a set's would not be the same again
        self.skew_s = 0.0
        """What its clock has jumped."""
        self.is_up = False
        self.slots = policy.make_slots(["cpu"], world.weather.slots, self.name)

    def clock(self) -> Time:
        """Its wall clock."""
        return START + datetime.timedelta(seconds=self._world.now_s() + self.skew_s)

    def start(self) -> None:
        """As `app` builds it."""
        world: Any = self._world
        store: Any = Store(world, self.name)
        blobs: Any = MemoryBlobStore(world.store.blobs)
        notices = Notices()
        self.scheduler = Scheduler(
            store,
            notices,
            LEASE_TIMEOUT_S,
            server=self.name,
            logs=SILENCE,
            back_off_s=BACK_OFF_S,
            clock=self.clock,
            monotonic_s=world.now_s,
        )
        collector = Collector(store, self.clock)
        planner: Any = Planner()
        self.jobs = rpc_jobs.JobServicer(
            store,
            planner,
            self.scheduler,
            notices,
            SILENCE,
            blobs=blobs,
            clock=self.clock,
            make_id=self._make_id,
        )
        resources = rpc_worker.Resources(1, None, world.folder, keep_checkpoints=3)
        self.worker = rpc_worker.WorkerServicer(
            store,
            blobs,
            self.scheduler,
            notices,
            resources,
            logs=SILENCE,
            collector=collector,
            clock=self.clock,
        )
        self.executor = Executor(world, self)
        self.is_up = True
        self.spawn(self.scheduler.run(self.executor, self.slots))
        self.spawn(collector.run())
        self.spawn(Poller(store, notices).run())

    def _make_id(self) -> str:
        return f"job-{self._ids.randrange(16**6):06x}"

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that ends with the process."""
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._settle)
        return task

    def _settle(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # its caller has heard of it, unless that has ended

    def kill(self) -> None:
        """kill -9: trainers go on."""
        if self.is_up:
            self.is_up = False
            self.executor.forget()
            for task in list(self._tasks):
                task.cancel()

    async def stop(self) -> None:
        """SIGTERM: trainers save and end."""
        await self.scheduler.drain(2.0)
        if self.is_up:
            await self.executor.close()
            self.kill()

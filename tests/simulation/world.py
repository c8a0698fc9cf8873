"""One run: servers, trainers and clients in one event loop, and the weather they live in."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pathlib
import random
import zlib
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any

from bessemer_server.domain.jobs import Attempt
from bessemer_server.domain.states import State
from bessemer_server.stores.memory import MemoryStore
from tests.simulation import clients, contract, servers, trainers, virtual_time, weather

PATIENCE_S = 300.0
"""Virtual time in which everything must have come to its end after the last fault."""
SHOWN = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What came of one seed."""

    seed: int
    breach: str
    """Empty where the contract held."""
    writes: int
    events: int
    digest: int
    """Of all that happened, in order: equal for the same seed, always."""
    last: tuple[str, ...]

    def __str__(self) -> str:
        last = "\n  ".join(self.last)
        return (
            f"seed {self.seed}: {self.breach}\n  {last}\nagain: python -m tests.simulation --seed {self.seed}"
        )


class World:
    """Everything of one seed."""

    folder = pathlib.Path("nowhere")

    def __init__(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.store = MemoryStore()
        self.contract = contract.Contract(self.store, servers.LEASE_TIMEOUT_S)
        self.weather = weather.draw(seed)
        self.is_calm = False
        self.job_ids: list[str] = []
        self.breach: BaseException | None = None
        self.writes = 0
        self._show = show
        self._digest = 0
        self._last: deque[str] = deque(maxlen=SHOWN)
        self._over = asyncio.Event()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._counts: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self.trainers: list[trainers.Trainer] = []
        self.servers = [servers.Server(self, n) for n in range(1, self.weather.servers + 1)]

    def dice(self, purpose: str) -> random.Random:
        """Random numbers of one actor: what others draw does not change them."""
        return random.Random(f"{self.seed}/{purpose}")

    def now_s(self) -> float:
        """Virtual time; no clock jump changes it."""
        return asyncio.get_running_loop().time()

    def count(self, what: str) -> int:
        """1, 2, 3, ..."""
        self._counts[what] += 1
        return self._counts[what]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something until the run is over; what it raises ends the run."""
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            self.end(error)

    def end(self, breach: BaseException) -> None:
        """The contract was broken: the run is over."""
        self.breach = self.breach or breach
        self._over.set()

    def note(
        self, server: str, method: str, job_id: str, args: tuple[Any, ...], error: Exception | None
    ) -> None:
        """Keep what happened."""
        self.writes += 1
        seen = self.contract.look(job_id)
        state = (
            f"{seen.job.state} attempt {seen.job.attempt} event {seen.job.last_cursor}" if seen else "gone"
        )
        number = args[0] if args and isinstance(args[0], int | str) else ""
        self.tell(f"{server}: {method} {job_id} {number} -> {(error and type(error).__name__) or state}")

    def tell(self, line: str) -> None:
        """One line of the story."""
        line = f"{self.now_s():9.3f} {line}"
        self._digest = zlib.crc32(line.encode(), self._digest)
        self._last.append(line)
        if self._show:
            self._show(line)

    def any_server(self, dice: random.Random) -> servers.Server:
        """Where a call goes."""
        return dice.choice(self.servers)

    def start_trainer(self, attempt: Attempt, token: str, server: servers.Server) -> trainers.Trainer:
        """A new process."""
        dice = self.dice(f"doom of {attempt.job_id}")
        is_doomed = dice.random() < self.weather.poison and not self.is_calm
        made = trainers.Trainer(self, self.count("trainers"), token, server, is_doomed=is_doomed)
        self.tell(f"trainer {made.number} for {attempt.job_id} {attempt.number}")
        self.trainers.append(made)
        return made

    def find_trainer(self, number: int) -> trainers.Trainer | None:
        """The process of that number, if there was one."""
        return self.trainers[number - 1] if number else None

    async def run(self) -> Report:
        """The storm, the calm, and what came of it."""
        living = asyncio.create_task(self._live())
        ending = asyncio.create_task(self._over.wait())
        await asyncio.wait({living, ending}, return_when=asyncio.FIRST_COMPLETED)
        if living.done() and (error := living.exception()):
            self.breach = self.breach or error
        for task in (living, ending, *self._tasks):
            task.cancel()
        for server in self.servers:
            server.kill()
        for trainer in self.trainers:
            trainer.on_exit = None
            trainer.end(-9)
        await asyncio.sleep(0)
        events = sum(self.contract.event_count(job_id) for job_id in self.job_ids)
        breach = f"{type(self.breach).__name__}: {self.breach}" if self.breach else ""
        return Report(
            self.seed, breach, self.writes, events, self._digest, tuple(self._last) if breach else ()
        )

    async def _live(self) -> None:
        for server in self.servers:
            server.start()
        users = [clients.Client(self, n) for n in range(self.weather.clients)]
        for user in users:
            self.spawn(user.run())
        for mean_s, happen in (
            (self.weather.trainer_crash_s, self._crash_trainer),
            (self.weather.trainer_freeze_s, self._freeze_trainer),
            (self.weather.server_kill_s, self._kill_server),
            (self.weather.server_stop_s, self._stop_server),
            (self.weather.clock_jump_s, self._jump_clock),
        ):
            if mean_s:
                self.spawn(self._repeat(mean_s, happen))
        await asyncio.sleep(self.weather.calm_after_s)
        self._calm()
        await self._come_to_end(users[0])

    def _calm(self) -> None:
        self.tell("calm")
        self.is_calm = True
        self.weather = weather.calm(self.weather)
        for trainer in self.trainers:
            trainer.thaw()

    async def _come_to_end(self, user: clients.Client) -> None:
        deadline_s = self.now_s() + PATIENCE_S
        while self._tasks or any(t.is_alive for t in self.trainers) or self._unfinished():
            for server in self.servers:
                if not server.is_up:
                    server.start()
            for job_id, state in self._unfinished():
                if state is State.PAUSED:
                    await user.ask("ResumeJob", job_id)
            if self.now_s() > deadline_s:
                self.contract.check_end()
                alive = [trainer.number for trainer in self.trainers if trainer.is_alive]
                raise contract.BreachError(f"1: never ends: trainers {alive}, {len(self._tasks)} clients")
            await asyncio.sleep(1.0)
        self.contract.check_end()

    def _unfinished(self) -> list[tuple[str, State]]:
        found = [(job_id, self.contract.look(job_id)) for job_id in self.job_ids]
        return [(job_id, seen.job.state) for job_id, seen in found if seen and not seen.job.state.is_terminal]

    async def _repeat(
        self, mean_s: float, happen: Callable[[random.Random], Coroutine[Any, Any, None]]
    ) -> None:
        dice = self.dice(happen.__name__)
        while True:
            await asyncio.sleep(dice.expovariate(1 / mean_s))
            if self.is_calm:
                return
            await happen(dice)

    def _any_trainer(self, dice: random.Random) -> trainers.Trainer | None:
        alive = [trainer for trainer in self.trainers if trainer.is_alive]
        return dice.choice(alive) if alive else None

    async def _crash_trainer(self, dice: random.Random) -> None:
        if trainer := self._any_trainer(dice):
            self.tell(f"crash of trainer {trainer.number}")
            trainer.end(-9)

    async def _freeze_trainer(self, dice: random.Random) -> None:
        if trainer := self._any_trainer(dice):
            self.tell(f"trainer {trainer.number} stands still")
            trainer.freeze()
            await asyncio.sleep(dice.uniform(0, 3 * servers.LEASE_TIMEOUT_S))
            trainer.thaw()

    async def _kill_server(self, dice: random.Random) -> None:
        server = self.any_server(dice)
        self.tell(f"kill of {server.name}")
        server.kill()
        await self._start_again(server, dice)

    async def _stop_server(self, dice: random.Random) -> None:
        server = self.any_server(dice)
        if server.is_up:
            self.tell(f"stop of {server.name}")
            await asyncio.wait({server.spawn(server.stop())})
            await self._start_again(server, dice)

    async def _start_again(self, server: servers.Server, dice: random.Random) -> None:
        await asyncio.sleep(dice.uniform(0, 2 * servers.LEASE_TIMEOUT_S))
        if not server.is_up:
            self.tell(f"start of {server.name}")
            server.start()

    async def _jump_clock(self, dice: random.Random) -> None:
        server = self.any_server(dice)
        server.skew_s = dice.choice(
            [0.0, -86400.0, 86400.0, dice.uniform(-10, 10), dice.uniform(-3600, 3600)]
        )
        self.tell(f"the clock of {server.name} is {server.skew_s:.0f} s off")


class _Faults(logging.Handler):
    """The service's own complaints of what should not happen are breaches too."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._world.end(contract.BreachError(f"9: {record.getMessage()}: {error!r}"))


def simulate(seed: int, show: Callable[[str], None] | None = None) -> Report:
    """Run one seed."""

    async def run() -> Report:
        world = World(seed, show)
        handler = _Faults(world)
        log = logging.getLogger("bessemer_server")
        propagate, level = log.propagate, log.level
        log.addHandler(handler)
        log.propagate = False
        log.setLevel(logging.ERROR)
        try:
            return await world.run()
        finally:
            log.removeHandler(handler)
            log.propagate = propagate
            log.setLevel(level)

    with asyncio.Runner(loop_factory=virtual_time.VirtualLoop) as runner:
        return runner.run(run())

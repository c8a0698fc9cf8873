"""The default executor: a trainer is a process forked on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

from bessemer_server.domain.jobs import Attempt, Exit
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.worker import entry

Key = tuple[str, int]


class ProcessExecutor:
    """Forks trainers and notices within milliseconds when one ends. Trainers outlive this process on purpose: a server
    that comes back finds them at work.
    """

    def __init__(self, forkserver: ForkServer, address: str, wake: Callable[[], None]) -> None:
        self._forkserver = forkserver
        self._address = address
        self._wake = wake
        self._processes: dict[Key, BaseProcess] = {}
        self._exits: list[Exit] = []

    async def start(self, attempt: Attempt, token: str) -> int:
        """See `ports.Executor.start`."""
        config = entry.TrainerConfig(self._address, token)
        name = f"trainer {attempt.job_id}#{attempt.number}"
        process = await self._forkserver.fork(name, entry.run_trainer, config, daemon=False)
        key = (attempt.job_id, attempt.number)
        self._processes[key] = process
        asyncio.get_running_loop().add_reader(process.sentinel, self._settle, key)
        return process.pid or 0

    def _settle(self, key: Key) -> None:
        process = self._processes.pop(key)
        asyncio.get_running_loop().remove_reader(process.sentinel)
        process.join()
        # The fork server tells the status through the sentinel; it cannot when it has died itself.
        self._exits.append(Exit(*key, status=process.exitcode if process.exitcode is not None else 255))
        process.close()
        self._wake()

    async def kill(self, attempt: Attempt) -> None:
        """See `ports.Executor.kill`."""
        if process := self._processes.get((attempt.job_id, attempt.number)):
            process.kill()

    def drain_exits(self) -> Sequence[Exit]:
        """See `ports.Executor.drain_exits`."""
        exits, self._exits = self._exits, []
        return exits

    async def close(self) -> None:
        """End the trainers that are still there."""
        loop = asyncio.get_running_loop()
        for process in self._processes.values():
            loop.remove_reader(process.sentinel)
            process.kill()
            await asyncio.to_thread(process.join)
        self._processes.clear()

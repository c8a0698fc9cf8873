"""The default executor: a trainer is a process forked on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import signal
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

from bessemer_server.domain import failpoints
from bessemer_server.domain.jobs import Attempt, Exit
from bessemer_server.executors import holders, memory, processor
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.worker import entry, output

Key = tuple[str, int]
UNKNOWN_STATUS = 255
"""What multiprocessing says of a process whose fork server has died, and with it the status; or its real status."""


class ProcessExecutor:
    """Forks trainers and notices within milliseconds when one ends. Trainers outlive this process on purpose: a server
    that comes back finds them at work.
    """

    def __init__(
        self, forkserver: ForkServer, address: str, logs: pathlib.Path, wake: Callable[[], None]
    ) -> None:
        self._forkserver = forkserver
        self._address = address
        self._logs = logs
        self._memory_kills: dict[Key, int] = {}
        """What the kernel's count stood at when each trainer was started."""
        self._wake = wake
        self._processes: dict[Key, BaseProcess] = {}
        self._orphans: dict[Key, int] = {}
        """File descriptors (`pidfd_open`) of trainers that outlived the fork server."""
        self._exits: list[Exit] = []
        self._watch = processor.Watch()

    async def start(self, attempt: Attempt, token: str) -> int:
        """See `ports.Executor.start`."""
        folder = output.folder_of(self._logs, attempt.job_id, attempt.number)
        config = entry.TrainerConfig(self._address, token, str(folder))
        name = f"trainer {attempt.job_id}#{attempt.number}"
        failpoints.hit("spawn.before")
        process = await self._forkserver.fork(name, entry.run_trainer, config, daemon=False)
        failpoints.hit("spawn.after")
        key = (attempt.job_id, attempt.number)
        self._processes[key] = process
        self._memory_kills[key] = memory.count_kills()
        asyncio.get_running_loop().add_reader(process.sentinel, self._settle, key)
        return process.pid or 0

    def _settle(self, key: Key) -> None:
        process = self._processes.pop(key)
        asyncio.get_running_loop().remove_reader(process.sentinel)
        process.join()
        status, pid = process.exitcode, process.pid
        process.close()
        if status in (None, UNKNOWN_STATUS) and pid and self._adopt(key, pid):
            return
        self._note_exit(key, UNKNOWN_STATUS if status is None else status)

    def _adopt(self, key: Key, pid: int) -> bool:
        """Watch a trainer that may have outlived the fork server; False when it has ended."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return False
        self._orphans[key] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._settle_orphan, key)
        return True

    def _settle_orphan(self, key: Key) -> None:
        self._forget_orphan(key)
        self._note_exit(key, UNKNOWN_STATUS)

    def _forget_orphan(self, key: Key) -> None:
        descriptor = self._orphans.pop(key)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    def _note_exit(self, key: Key, status: int) -> None:
        kills = memory.count_kills() - self._memory_kills.pop(key)
        self._exits.append(Exit(*key, status=status, memory_kills=kills))
        self._wake()

    async def kill(self, attempt: Attempt) -> None:
        """See `ports.Executor.kill`."""
        key = (attempt.job_id, attempt.number)
        if process := self._processes.get(key):
            process.kill()
        elif descriptor := self._orphans.get(key):
            _kill(descriptor)

    def is_busy(self, attempt: Attempt) -> bool:
        """See `ports.Executor.is_busy`; also of a trainer that an earlier server of this folder has started."""
        return attempt.pid > 0 and self._is_there(attempt) and self._watch.is_busy(attempt.pid)

    def _is_there(self, attempt: Attempt) -> bool:
        """Whether the attempt's process id is its trainer's. Of those that are watched it is; of others it has to be shown."""
        key = (attempt.job_id, attempt.number)
        folder = output.folder_of(self._logs, *key)
        return key in self._processes or key in self._orphans or holders.is_trainer(attempt.pid, folder)

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
        for key, descriptor in list(self._orphans.items()):
            _kill(descriptor)
            self._forget_orphan(key)


def _kill(descriptor: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)

"""The default executor: a trainer is a process forked on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
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

log = logging.getLogger(__name__)

Key = tuple[str, int]
UNKNOWN_STATUS = 255
"""What multiprocessing says of a process whose fork server has died, and with it the status; or its real status."""


class ProcessExecutor:
    """Forks trainers and notices within milliseconds when one ends. Trainers outlive this process on purpose: a server
    that comes back finds them at work, and adopts them.
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
        """File descriptors (`pidfd_open`) of trainers that outlived their fork server, or the server before this one."""
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
        if status in (None, UNKNOWN_STATUS) and pid and (descriptor := _open(pid)) is not None:
            self._watch_orphan(key, descriptor)
            return
        self._note_exit(key, status)

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        """See `ports.Executor.adopt`; where the system has no `pidfd_open`, their leases end them."""
        for attempt in attempts:
            key = (attempt.job_id, attempt.number)
            if attempt.pid > 0 and not self._is_watched(key):
                self._adopt(key, attempt.pid)

    def _adopt(self, key: Key, pid: int) -> None:
        # Opened before it is looked at: what the proof says holds of this process, and of none that gets the number later.
        descriptor, folder = _open(pid), output.folder_of(self._logs, *key)
        if descriptor is None:
            self._note_gone(key, pid, folder)
            return
        if not holders.is_trainer(pid, folder):
            os.close(descriptor)
            return
        log.info("trainer adopted", extra={"job": key[0], "attempt": key[1], "pid": pid})
        self._memory_kills[key] = memory.count_kills()
        self._watch_orphan(key, descriptor)

    def _note_gone(self, key: Key, pid: int, folder: pathlib.Path) -> None:
        """It may have ended while no server was there to see it. One in another container has no number here, but its lock."""
        if _is_gone(pid) and not holders.is_locked(folder):
            self._exits.append(Exit(*key, status=None))
            self._wake()

    def _watch_orphan(self, key: Key, descriptor: int) -> None:
        self._orphans[key] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._settle_orphan, key)

    def _settle_orphan(self, key: Key) -> None:
        self._forget_orphan(key)
        self._note_exit(key, None)

    def _forget_orphan(self, key: Key) -> None:
        descriptor = self._orphans.pop(key)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    def _note_exit(self, key: Key, status: int | None) -> None:
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
        return self._is_watched(key) or holders.is_trainer(attempt.pid, output.folder_of(self._logs, *key))

    def _is_watched(self, key: Key) -> bool:
        return key in self._processes or key in self._orphans

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


def _open(pid: int) -> int | None:
    """A file descriptor that can be read once the process has ended; None when it has, or the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _is_gone(pid: int) -> bool:
    """Whether there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _kill(descriptor: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)

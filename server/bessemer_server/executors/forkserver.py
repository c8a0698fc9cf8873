"""The fork server: one process that has imported torch, from which all others are forked in milliseconds.

Importing torch costs seconds, so it is done once, here. The fork server has no gRPC and no CUDA state: neither survives
a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

from bessemer_server.domain import errors

log = logging.getLogger(__name__)

# glibc gives large blocks back to the kernel at once and torch asks for them again at each step: with these settings
# they stay. Measured in docs/measurements.md.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}
# An OpenMP thread that spins long while it waits takes the core from whoever has work (docs/measurements.md).
THREADING = {"GOMP_SPINCOUNT": "1000"}
FIXED = {"OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""Whatever the environment says: NumPy's own threads would start before the fork, and their number decides bits; and ONNX Runtime
would tell its makers of this machine (its own `disable_telemetry_events` comes too late).
"""

VANISHING_S = 1.0
"""So long a fork server that was killed may seem to be there while it takes no calls."""


class ForkServer:
    """Forks processes by function; safe to use from asyncio."""

    def __init__(self, patience_s: float = 300.0) -> None:
        """`patience_s`: a fork server that needs longer for a fork is taken for stuck, and ended. The first fork waits for torch."""
        self._patience_s = patience_s
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bessemer_server.worker.preloaded"])
        # multiprocessing's bookkeeping is not safe for several at once. Held by the thread that forks: who waits for it may give up.
        self._one_at_a_time = threading.Lock()

    async def fork(
        self, name: str, target: Callable[..., None], *arguments: Any, daemon: bool
    ) -> BaseProcess:
        """Run `target(*arguments)` in a new process. A daemon ends with this server, others outlive it. When the caller gives up, the
        fork goes on all the same, and the process is ended; what has a descriptor among the arguments must stay open until then.
        """
        return await _in_thread(lambda: self._fork(name, target, arguments, daemon))

    def _fork(
        self, name: str, target: Callable[..., None], arguments: tuple[Any, ...], daemon: bool
    ) -> BaseProcess:
        try:
            with self._one_at_a_time, _limit(self._patience_s, name):
                return self._start(
                    lambda: self._context.Process(None, target, name, arguments, daemon=daemon)
                )
        except (EOFError, OSError) as error:
            # Where it was raised there is a half-made process, which has descriptors: they are closed when nobody knows it.
            traceback.clear_frames(error.__traceback__)
            has_ended = isinstance(error, EOFError | ConnectionError)
            why = "the fork server ended" if has_ended else str(error)
            raise errors.Unavailable(
                f"the {name} could not be started ({why}); try again", reason="FORK_SERVER_ENDED"
            ) from error

    def _start(self, make: Callable[[], BaseProcess]) -> BaseProcess:
        end_s = time.monotonic() + VANISHING_S
        while True:
            try:
                # It is the fork server that reads it, which is started here when it is not there.
                with _environment():
                    process = make()
                    process.start()
            except ConnectionRefusedError:  # nobody was asked, so nothing was forked
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.01)
            else:
                return process


@contextlib.contextmanager
def _limit(patience_s: float, name: str) -> Iterator[None]:
    """A fork server that is not done with the block by then is taken for stuck."""
    timer = threading.Timer(patience_s, _end_stuck, [name])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_stuck(name: str) -> None:
    """Whoever waits for the fork hears that the fork server has ended; the next fork starts another one."""
    log.error("fork server stuck", extra={"asked_for": name})
    running: Any = vars(multiprocessing.forkserver)["_forkserver"]
    pid = running._forkserver_pid  # noqa: SLF001 - nothing public tells it
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _in_thread(fork: Callable[[], BaseProcess]) -> BaseProcess:
    """The process that `fork` makes. The first one blocks for as long as the preload takes, and a server that is stopped
    meanwhile must not wait for it: hence a daemon thread, which no executor offers."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[BaseProcess] = loop.create_future()

    def give(process: BaseProcess) -> None:
        if result.done():  # who asked gave up
            process.kill()
        else:
            result.set_result(process)

    def fail(error: BaseException) -> None:
        if not result.done():
            result.set_exception(error)

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            try:
                process = fork()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(give, process)

    threading.Thread(target=run, name="fork", daemon=True).start()
    try:
        return await result
    except asyncio.CancelledError:
        if not result.cancelled() and result.exception() is None:  # it came just now
            result.result().kill()
        raise


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """For the length of the block, the environment of the fork server: what is set already stays, but for what is fixed."""
    before = dict(os.environ)
    os.environ.update({**ALLOCATOR, **THREADING, **before, **FIXED})
    try:
        yield
    finally:
        for name in {**ALLOCATOR, **THREADING, **FIXED}:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]

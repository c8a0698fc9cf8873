"""The fork server: one process that has imported torch, from which all others are forked in milliseconds.

Importing torch costs seconds, so it is done once, here. The fork server has no gRPC and no CUDA state: neither survives
a fork.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

# glibc gives large blocks back to the kernel at once and torch asks for them again at each step: with these settings
# they stay. Measured in docs/measurements.md.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}
# A spinning OpenMP thread takes a core from whoever works.
THREADING = {"OMP_WAIT_POLICY": "passive"}


class ForkServer:
    """Forks processes by function; safe to use from asyncio."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bessemer_server.worker.preloaded"])
        # One thread: multiprocessing's bookkeeping is not safe for several at once, and the first start blocks for as
        # long as the preload takes.
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="fork")

    async def fork(
        self, name: str, target: Callable[..., None], *arguments: Any, daemon: bool
    ) -> BaseProcess:
        """Run `target(*arguments)` in a new process. A daemon ends with this server, others outlive it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._fork, name, target, arguments, daemon)

    def _fork(
        self, name: str, target: Callable[..., None], arguments: tuple[Any, ...], daemon: bool
    ) -> BaseProcess:
        with _environment(
            {**ALLOCATOR, **THREADING}
        ):  # read by the fork server when it starts, with the first fork
            multiprocessing.forkserver.ensure_running()
        process = self._context.Process(target=target, args=arguments, name=name, daemon=daemon)
        process.start()
        return process

    def close(self) -> None:
        """Stop accepting forks. The fork server itself ends when this process does."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables that are not set yet, for the length of the block."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]

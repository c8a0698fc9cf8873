"""Memory that the server and a helper process share, for tensors that are too large to be worth sending.

A memory file without a name: it is gone when both processes are, however they ended. Who may write where is the server's
to say (`executors.blocks`). Pages take memory when they are first written.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any


class Arena:
    """The memory in this process; pickled into a process that is being started, it is the same memory there."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, size_bytes)
        self.view = memoryview(self._memory)
        self.size_bytes = size_bytes

    def close(self) -> None:
        """Let go of it. Views that are still in use keep the memory until they are gone."""
        self.view.release()
        with contextlib.suppress(BufferError):  # someone reads: the memory goes with the last view
            self._memory.close()
        os.close(self.descriptor)

    def __reduce__(self) -> tuple[Callable[..., Arena], tuple[Any, ...]]:
        return _rebuild, (reduction.DupFd(self.descriptor), self.size_bytes)


def create(size_bytes: int) -> Arena | None:
    """New memory; None where the system has no memory files."""
    if not size_bytes or not hasattr(os, "memfd_create"):
        return None
    descriptor = os.memfd_create("bessemer", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size_bytes)
    return Arena(descriptor, size_bytes)


def _rebuild(descriptor: Any, size_bytes: int) -> Arena:
    return Arena(descriptor.detach(), size_bytes)

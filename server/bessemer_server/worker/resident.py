"""The memory of this process."""

from __future__ import annotations

import contextlib
import ctypes
import pathlib

import torch

STATUS = pathlib.Path("/proc/self/status")
KIB = 1024


def settle(device: str) -> int:
    """Give memory that is free back to the system, and say how many bytes are in use: of the process, or of the GPU. 0 where the
    system does not say.

    glibc keeps what was freed below the settings of the fork server, which are for training; `malloc_trim` gives all of it back.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
        # What is reserved rather than what is allocated: graphs keep memory that nothing lies in between two runs.
        return int(torch.cuda.memory_reserved(device))
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return _anonymous_bytes()


def capacity(device: str) -> int:
    """Bytes that a GPU has."""
    return int(torch.cuda.mem_get_info(device)[1])


def _anonymous_bytes() -> int:
    # Without what is shared: the arena, and libraries on the disk.
    try:
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    except OSError:
        return 0
    return int(fields.get("RssAnon", "0 kB").split()[0]) * KIB

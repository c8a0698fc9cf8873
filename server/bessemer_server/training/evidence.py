"""Figures of this process and its device, for whoever looks into a failure."""

from __future__ import annotations

import resource

import torch

KIB = 1024


def measure() -> dict[str, str]:
    """Peak memory so far in bytes: of the process, and of torch on a GPU where one was used."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    found = {"peak_memory_bytes": str(peak)}
    if torch.cuda.is_initialized():
        found["peak_device_memory_bytes"] = str(torch.cuda.max_memory_allocated())
        found["device_memory_bytes"] = str(torch.cuda.mem_get_info()[1])
    return found

"""Devices: which there are, and how torch is set up for one."""

from __future__ import annotations

import logging
import os

import numpy as np
import torch

log = logging.getLogger(__name__)


def available() -> tuple[str, ...]:
    """Devices that torch can use here, e.g. `cuda:0`; `cpu` last."""
    return (*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu")


def prepare(name: str, threads: int) -> torch.device:
    """Set this process up for runs on a device that are the same each time, and return the device."""
    torch.set_num_threads(threads)
    device = torch.device(name)
    if device.type == "cuda":
        # cuBLAS reads this when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        # A warning, no error: what has no deterministic kernel shall still train.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.cuda.set_device(device)
    return device


def pin(memory: memoryview) -> None:
    """Let the GPU read this memory by itself: what lies in other memory is copied into such memory first."""
    runtime = torch.cuda.cudart()
    address = np.frombuffer(memory, np.uint8).ctypes.data
    code = runtime.cudaHostRegister(address, len(memory), 0)
    if code != runtime.cudaError.success:
        log.warning("shared memory cannot be pinned", extra={"code": str(code)})

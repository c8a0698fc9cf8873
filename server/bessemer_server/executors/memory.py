"""What the kernel tells of memory."""

from __future__ import annotations

import pathlib

VMSTAT = pathlib.Path("/proc/vmstat")


def count_kills(vmstat: pathlib.Path = VMSTAT) -> int:
    """Processes of this machine that the kernel has ended for want of memory since it started; 0 where it does not say."""
    try:
        fields = dict(line.split() for line in vmstat.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(fields.get("oom_kill", 0))

"""What the kernel tells of memory."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

CGROUPS = (
    pathlib.Path("/sys/fs/cgroup/memory.max"),
    pathlib.Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where the limit of a container is, in the second and first version of control groups."""
VMSTAT = pathlib.Path("/proc/vmstat")


def count_kills(vmstat: pathlib.Path = VMSTAT) -> int:
    """Processes of this machine that the kernel has ended for want of memory since it started; 0 where it does not say."""
    try:
        fields = dict(line.split() for line in vmstat.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(fields.get("oom_kill", 0))


def available_bytes(limits: Sequence[pathlib.Path] = CGROUPS) -> int:
    """Memory of this machine, or the limit of the container that this process is in."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():  # not `max`
            found.append(int(text))
    return min(found)

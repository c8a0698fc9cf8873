"""Whether a process is the trainer of an attempt, and no stranger that has its process id by now.

A trainer locks a file of its attempt's own before it does anything else, and keeps it open until it ends
(`worker.output`); that file has to be among those that the process has open. After a restart of the machine or the
container the number may be anybody's.
"""

from __future__ import annotations

import fcntl
import os
import pathlib

from bessemer_server.executors import processor
from bessemer_server.worker import output


def is_trainer(pid: int, folder: pathlib.Path, proc: pathlib.Path = processor.PROC) -> bool:
    """Whether the process holds the lock of this attempt's `folder`. False where the system does not say, and for a trainer
    that could not write there.
    """
    # Whoever collects logs opens the file too, and locks it for a moment: that is this process.
    return pid not in (0, os.getpid()) and _has_open(pid, folder / output.LOCK, proc) and is_locked(folder)


def _has_open(pid: int, path: pathlib.Path, proc: pathlib.Path) -> bool:
    try:
        wanted = path.stat()
        opened = list((proc / str(pid) / "fd").iterdir())
    except OSError:
        return False
    return any(_is_same(one, wanted) for one in opened)


def _is_same(path: pathlib.Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), wanted)
    except OSError:  # closed meanwhile
        return False


def is_locked(folder: pathlib.Path) -> bool:
    """Whether anybody holds the lock of this attempt's `folder`."""
    try:
        lock = os.open(folder / output.LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False

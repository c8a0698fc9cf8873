"""Where a trainer's standard output and error go: segments of a log in a folder of its attempt's own.

A file, and no pipe to the server: what was written is in the kernel's hands when the trainer is killed, and a server
that is away blocks nobody. Each segment is named by where it begins in all that was printed, so a reader needs one
number to go on, and at most two segments are kept however much is printed. The lock tells that somebody may still write; the
kernel frees it when the trainer ends, however it ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import pathlib
import sys
import threading

LOCK = "writer.lock"
SUFFIX = ".log"
PENDING = "pending"
SEGMENT_BYTES = 1 << 20
ROTATION_S = 1.0
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def folder_of(logs: pathlib.Path, job_id: str, attempt: int) -> pathlib.Path:
    """Where an attempt's segments lie."""
    return logs / f"{job_id}-{attempt}"


def redirect(folder: pathlib.Path) -> None:
    """Send all that this process prints, C libraries and tracebacks of crashes included, to the folder from now on. Where
    that cannot be written, everything stays as it was: a log is no reason not to train.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never closed: the lock lasts as long as the process.
        fcntl.flock(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
        _point_to(segment(folder, 0))
    except OSError as error:
        say(f"what this trainer prints is not kept: {error}")
        return
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable(file=2)
    threading.Thread(target=_rotate, args=(folder,), name="rotate", daemon=True).start()


def say(text: str) -> None:
    """Print a line; a full disk is no reason to fail."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")


def segment(folder: pathlib.Path, start: int) -> pathlib.Path:
    """The segment that begins there."""
    return folder / f"{start:020d}{SUFFIX}"


def starts(folder: pathlib.Path) -> list[int]:
    """Where the segments of the folder begin, in order."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}"))


def rotate(folder: pathlib.Path) -> None:
    """Begin a new segment where the newest is full, and remove all but these two."""
    found = starts(folder)
    newest = segment(folder, found[-1])
    if newest.stat().st_size < SEGMENT_BYTES:
        return
    # Its name is where the old one ends, which is known only when nobody writes to that any more.
    pending = folder / PENDING
    _point_to(pending)
    pending.rename(segment(folder, found[-1] + newest.stat().st_size))
    for start in found[:-1]:
        segment(folder, start).unlink(missing_ok=True)


def _rotate(folder: pathlib.Path) -> None:
    pause = threading.Event()
    while not pause.wait(ROTATION_S):
        with contextlib.suppress(OSError):
            rotate(folder)


def _point_to(path: pathlib.Path) -> None:
    opened = os.open(path, FLAGS, 0o600)
    for descriptor in (1, 2):
        os.dup2(opened, descriptor)
    os.close(opened)

"""Reading what trainers print from the segments that `worker.output` writes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib

from bessemer_server.domain.logs import LINE_MAX_BYTES, PrintedLine
from bessemer_server.worker import output

READ_BYTES = 1 << 18


def is_over(folder: pathlib.Path) -> bool:
    """Whether the trainer that wrote here has ended. One that is about to begin has no segment yet."""
    if not output.starts(folder):
        return False
    try:
        lock = os.open(folder / output.LOCK, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    _name_pending(folder)
    return True


def _name_pending(folder: pathlib.Path) -> None:
    """Finish what a trainer that was killed amid a rotation has begun."""
    with contextlib.suppress(FileNotFoundError):
        newest = output.starts(folder)[-1]
        end = newest + output.segment(folder, newest).stat().st_size
        (folder / output.PENDING).rename(output.segment(folder, end))


def read(folder: pathlib.Path, position: int, *, to_the_end: bool) -> list[PrintedLine]:
    """Some lines behind `position`, none when there are no more. A last line without its end is taken `to_the_end` only:
    it may still grow.
    """
    found = output.starts(folder)
    for start in found:
        is_newest = start == found[-1]
        begin = max(position, start)
        try:
            with output.segment(folder, start).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(begin - start)
                data = file.read(READ_BYTES) if begin < start + size else b""
        except FileNotFoundError:  # too old, and removed meanwhile
            continue
        has_all = begin + len(data) >= start + size
        if lines := split(data, begin, to_the_end=has_all and (to_the_end or not is_newest)):
            return lines
    return []


def split(data: bytes, begin: int, *, to_the_end: bool) -> list[PrintedLine]:
    """The lines of what was printed from `begin` on."""
    lines, position = [], begin
    *complete, rest = data.split(b"\n")
    for raw in complete:
        pieces = _cut(raw) or [b""]
        for number, piece in enumerate(pieces, start=1):
            position += len(piece) + (number == len(pieces))
            lines.append(PrintedLine(position, _decode(piece)))
    for piece in _cut(rest):
        if to_the_end or len(piece) == LINE_MAX_BYTES:
            position += len(piece)
            lines.append(PrintedLine(position, _decode(piece)))
    return lines


def _cut(raw: bytes) -> list[bytes]:
    return [raw[start : start + LINE_MAX_BYTES] for start in range(0, len(raw), LINE_MAX_BYTES)]


def _decode(raw: bytes) -> str:
    """As a terminal would show it in the end: what a carriage return went back over is gone."""
    text = raw.decode(errors="replace").removesuffix("\r").rpartition("\r")[2]
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL has no text with NUL

"""POSIX shared memory objects, in which clients on the same machine hand tensors over.

They are read and written by system calls, and never mapped: an object belongs to its owner, who may cut it at any time, and who touches
a mapped page behind the end is killed (SIGBUS). No check before helps, since the cut may come in between. A call only comes back
short. It costs one copy, which has to be made in any case: what is checked must be what is used, and the owner may write, too.
"""

from __future__ import annotations

import errno
import os
import pathlib
import stat
import weakref
from collections.abc import Iterable

from bessemer_server.domain import errors

FOLDER = pathlib.Path("/dev/shm")  # noqa: S108 - nothing is made there
NAME_MAX_BYTES = 255
SEMAPHORES = "sem."
"""Beginning of the names of another kind of objects in the same folder."""
FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""Neither a link to elsewhere, nor a pipe that nobody else has opened, to wait for."""
ANYBODY = stat.S_IROTH | stat.S_IWOTH
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})


class PosixObject:
    """One that is open, until nobody has it any more; its name may be gone by then."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @property
    def size_bytes(self) -> int:
        """As it is now."""
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, count: int) -> bytes:
        """A copy of so many bytes; of fewer, where the object ends before."""
        parts = []
        while count > 0 and (part := os.pread(self._descriptor, count, offset)):
            parts.append(part)
            offset, count = offset + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, pieces: Iterable[bytes | memoryview]) -> None:
        """The pieces one after the other. Raises `ResourceExhausted` where the system has no memory for them."""
        try:
            for piece in pieces:
                offset = self._write(offset, memoryview(piece))
        except OSError as error:
            raise errors.ResourceExhausted(
                f"a shared memory object cannot be written: {error.strerror}"
            ) from error

    def _write(self, offset: int, piece: memoryview) -> int:
        piece = piece.cast("B")
        while piece:
            count = os.pwrite(self._descriptor, piece, offset)
            offset, piece = offset + count, piece[count:]
        return offset


def open_object(key: str) -> PosixObject:
    """The object of this name, as `shm_open` knows it. Raises `InvalidArgument` for a name that is none, for what is not there, no
    object of shared memory, or another user's; `ResourceExhausted` where nothing more can be opened.
    """
    try:
        found = PosixObject(os.open(FOLDER / _to_name(key), FLAGS))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise errors.ResourceExhausted(f"{_cannot_open(key)}: {error.strerror}") from error
        raise errors.InvalidArgument(f"{_cannot_open(key)}: {_explain(error)}") from error
    _check_kind(key, os.fstat(found._descriptor))  # noqa: SLF001 - of this module
    return found


def _to_name(key: str) -> str:
    name = key.lstrip("/")  # shm_open forgives them, and Triton's examples have one
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise errors.InvalidArgument(
            f"{_cannot_open(key)}: a key is the name of a POSIX shared memory object, e.g. 'inputs', and no path"
        )
    if len(name.encode()) > NAME_MAX_BYTES:
        raise errors.InvalidArgument(f"{_cannot_open(key)}: a key has at most {NAME_MAX_BYTES} bytes")
    if name.startswith(SEMAPHORES):
        raise errors.InvalidArgument(f"{_cannot_open(key)}: that is a semaphore")
    return name


def _check_kind(key: str, found: os.stat_result) -> None:
    """That it is memory, and that its user has the server use it: a server that runs as root may open everything, but is not to read
    and write for one user what belongs to another.
    """
    if not stat.S_ISREG(found.st_mode):
        raise errors.InvalidArgument(f"{_cannot_open(key)}: it is no shared memory object")
    if found.st_uid != os.geteuid() and found.st_mode & ANYBODY != ANYBODY:
        raise errors.InvalidArgument(
            f"{_cannot_open(key)}: it belongs to another user than the server; run both as the same one, or let everybody read and "
            "write it"
        )


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "there is no such object on the server's machine"
        case errno.ELOOP | errno.EISDIR | errno.ENXIO:
            return "it is no shared memory object"
        case errno.EACCES | errno.EPERM:
            return "the server may not read and write it; run both as the same user"
    return error.strerror or type(error).__name__


def _cannot_open(key: str) -> str:
    return f"Unable to open shared memory region: '{key}'"

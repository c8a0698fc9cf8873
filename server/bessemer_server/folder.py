"""The data folder, and a database that is a file: made, and held by one server at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import secrets
from collections.abc import Iterator

LOCK_FILE = "server.lock"
NAME_FILE = "server.name"
SOCKET_FILE = "worker.sock"
SOCKET_PATH_MAX = 100
"""Characters that the path of a unix socket may have, with some room below the kernel's 108."""


class FolderInUse(Exception):
    """Another server holds the folder, or the database; the message names it."""


@contextlib.contextmanager
def hold(folder: pathlib.Path) -> Iterator[None]:
    """Make the folder and lock it. The kernel frees the lock when the process ends, however it ends."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / LOCK_FILE, f"the data folder {folder}", "choose another folder with --data-dir"):
        yield


@contextlib.contextmanager
def hold_database(database: pathlib.Path | None) -> Iterator[None]:
    """Lock a SQLite file, wherever it is: a server of another folder may have been given the same. Nothing to do for None."""
    if database is None:
        yield
        return
    real = database.resolve()
    real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = real.with_name(f"{real.name}.lock")
    with _locked(lock, f"the database {database}", "choose another one with --database"):
        yield


@contextlib.contextmanager
def _locked(lock: pathlib.Path, what: str, advice: str) -> Iterator[None]:
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            raise FolderInUse(
                f"{what} is in use by another bessemer-server with process id {pid}; stop that one, or {advice}"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)


def name_server(folder: pathlib.Path) -> str:
    """The name of the server of this folder, made when it is first asked for: the same after each restart, and another one
    than that of any server that shares its database.
    """
    file = folder / NAME_FILE
    with contextlib.suppress(FileNotFoundError):
        if name := file.read_text().strip():
            return name
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{secrets.token_hex(4)}\n")
    fresh.replace(file)
    return file.read_text().strip()


def socket_path(folder: pathlib.Path) -> pathlib.Path:
    """Where trainers of this folder's server find it: the same path after each restart."""
    path = folder / SOCKET_FILE
    if len(str(path)) <= SOCKET_PATH_MAX:
        return path
    # Not where TMPDIR says: trainers that are there would not find a server that was started again with another one.
    short = pathlib.Path("/tmp")  # noqa: S108 - the folder below it is made for this user alone
    room = short / f"bessemer-{os.getuid()}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    room.mkdir(mode=0o700, exist_ok=True)
    if room.stat().st_uid != os.getuid() or room.is_symlink():
        raise FolderInUse(f"{room} belongs to somebody else; choose a shorter path with --data-dir")
    return room / SOCKET_FILE

"""A port that the fronts of one server share, and nobody else."""

from __future__ import annotations

import errno
import socket
import time

PATIENCE_S = 3.0
"""The fronts of a server that was killed need a moment to see it."""


def reserve(listen: str) -> tuple[str, socket.socket]:
    """The address with its port, and a socket that keeps the port as long as it is open. Raises `OSError` when others listen there."""
    host, _, port = listen.rpartition(":")
    if int(port):
        _check_free(*_resolve(listen))
    kept = bind(listen)
    return f"{host}:{kept.getsockname()[1]}", kept


def bind(listen: str) -> socket.socket:
    """A socket on an address that others of the same user may share."""
    family, place = _resolve(listen)
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind(place)
    except OSError:
        bound.close()
        raise
    return bound


def _resolve(listen: str) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    host, _, port = listen.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    return found[0][0], found[0][4]


def _check_free(family: int, place: tuple[object, ...]) -> None:
    """Sharing a port is allowed to every process of a user: that nobody is there already has to be tried without."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(place)
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
        time.sleep(0.05)

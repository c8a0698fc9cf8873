"""What every command is given: a client that connects when it is needed."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Self

from bessemer.client import Client, connect


class Session:
    """Where the service is; a context manager that ends the connection."""

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "client" in self.__dict__:
            self.client.close()

    @functools.cached_property
    def client(self) -> Client:
        """A client of the service."""
        return connect(self._address, token=self._token)

"""The order in which a service goes."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from bessemer_server import app


class Parts:
    """What a service has, as far as its end goes; `heard` is what it was told, in order."""

    def __init__(self, receiving_s: float) -> None:
        self.heard: list[str] = []
        self._receiving_s = receiving_s
        self.is_stopped = asyncio.Event()
        self.service: Any = mock.Mock(
            health=mock.AsyncMock(), scheduler=mock.AsyncMock(), calls=mock.AsyncMock()
        )
        self.service.fronts.stop = self._stop_receiving
        self.service.server.stop = self._stop_server

    async def _stop_receiving(self) -> None:
        """Ends when its calls have, or the server ends them."""
        self.heard.append("receives no more")
        try:
            async with asyncio.timeout(self._receiving_s):
                await self.is_stopped.wait()
        except TimeoutError:
            self.heard.append("has answered")

    async def _stop_server(self, grace_s: float) -> None:
        self.heard.append("server stops")
        self.is_stopped.set()


@pytest.mark.parametrize(
    ("receiving_s", "heard"),
    [
        (0.01, ["receives no more", "has answered", "server stops"]),
        (60, ["receives no more", "server stops"]),
    ],
)
async def test_calls_that_were_passed_on_are_answered_before_the_server_stops(receiving_s, heard):
    parts = Parts(receiving_s)
    await app._drain(parts.service, mock.Mock(grace_seconds=5.0))
    assert parts.heard == heard

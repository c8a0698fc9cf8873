"""The whole store in memory."""

from __future__ import annotations

from bessemer_server.stores.memory.attempts import Attempts
from bessemer_server.stores.memory.history import History
from bessemer_server.stores.memory.holds import Holds
from bessemer_server.stores.memory.jobs import Jobs


class MemoryStore(Jobs, Attempts, Holds, History):
    """`domain.ports.Store` over dictionaries."""

    def obstacle(self) -> None:
        """See `ports.Store.obstacle`."""

    async def close(self) -> None:
        """Nothing to close."""

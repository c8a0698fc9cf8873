"""Builds what computes predictions: a process for the CPU at once, and one for each GPU when these are known."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from bessemer_server.domain import ports, processors
from bessemer_server.executors import memory
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.executors.predictor import PredictorClient
from bessemer_server.serving.dispatcher import Dispatcher
from bessemer_server.serving.fleet import Fleet
from bessemer_server.settings import Settings
from bessemer_server.worker import entry

CPU, GPU = "cpu", "cuda"
ARENA_BYTES = 64 << 20
"""Memory that the server shares with each predictor for large tensors; taken when it is first used."""


class Predicting:
    """The fleet, and what it is made from. The processes start when they are first needed."""

    def __init__(
        self,
        stack: contextlib.AsyncExitStack,
        forkserver: ForkServer,
        blobs: ports.BlobStore,
        settings: Settings,
    ) -> None:
        """`stack`: ends what was started."""
        self._stack = stack
        self._forkserver = forkserver
        self._blobs = blobs
        self._settings = settings
        self.fleet = Fleet(settings.engine)
        budget_bytes = self._budget_bytes or memory.available_bytes() // 2
        self._add(CPU, [self._make_client(CPU, max(1, processors.count() // 2), budget_bytes)])

    def add_gpus(self, devices: Iterable[str]) -> None:
        """Those among the devices that are used (`cpu`, `cuda:0`); then the fleet is complete."""
        gpus = [device for device in devices if device.startswith(GPU)]
        if gpus:
            self._add(GPU, [self._make_client(device, 1, self._budget_bytes) for device in gpus])
        self.fleet.complete()

    @property
    def _budget_bytes(self) -> int:
        return self._settings.predictor_memory_mib << 20

    def _make_client(self, device: str, threads: int, memory_bytes: int) -> PredictorClient:
        arguments = device, threads, self._settings.engine
        helper = Helper(
            "predictor" if device == CPU else f"predictor ({device})",
            self._forkserver,
            entry.run_predictor,
            *arguments,
            arena_bytes=ARENA_BYTES,
        )
        self._stack.push_async_callback(helper.close)
        return PredictorClient(helper, self._blobs, memory_bytes)

    def _add(self, kind: str, clients: Sequence[PredictorClient]) -> None:
        # A GPU computes while this machine's processors receive; without one they would take each other's time.
        dispatcher = Dispatcher(*clients, fed_ahead=kind == GPU, counted=self.fleet.statistics)
        dispatcher.start()
        self._stack.push_async_callback(dispatcher.close)
        self.fleet.add(kind, dispatcher)

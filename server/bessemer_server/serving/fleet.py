"""The devices that compute predictions, by kind, and which of them each model is on."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from bessemer_server.domain import errors
from bessemer_server.domain.models import Model
from bessemer_server.serving import parameters, placement, statistics
from bessemer_server.serving.dispatcher import Dispatcher, Tensors

log = logging.getLogger(__name__)


class Fleet:
    """A dispatcher for each kind of device. A model goes to the kind where it is fastest: it is loaded on each once, measured, and stays
    on one; others with the same layers follow it.
    """

    def __init__(self, wanted_engine: str) -> None:
        """`wanted_engine`: the setting; a kind that has it goes before those that have not."""
        self.statistics = statistics.Statistics()
        self._wanted = wanted_engine
        self._dispatchers: dict[str, Dispatcher] = {}
        self._is_complete = asyncio.Event()
        self._choosing = asyncio.Lock()
        self._placed: dict[tuple[str, int], str] = {}
        self._kinds: dict[str, str] = {}
        """By what is computed."""
        self._times_us: dict[str, str] = {}
        """What was measured to choose it."""

    def add(self, kind: str, dispatcher: Dispatcher) -> None:
        """Another kind of device (`cpu`, `cuda`), with a dispatcher that was started and counts in `statistics`."""
        self._dispatchers[kind] = dispatcher

    def complete(self) -> None:
        """All kinds are known. Until then no model is placed: it would stay where it is."""
        self._is_complete.set()

    async def ready(self, model: Model) -> None:
        """Load and warm the model."""
        await (self._find(model) or await self._place(model)).ready(model)

    async def unload(self, name: str, version: int | None = None) -> None:
        """Give back the memory of a version, or of every version of the model."""
        for key in [key for key in self._placed if key[0] == name and version in (None, key[1])]:
            del self._placed[key]
        for dispatcher in self._dispatchers.values():
            await dispatcher.unload(name, version)

    def loaded(self) -> Sequence[tuple[str, int]]:
        """Name and version of each model that is loaded and warm."""
        found = itertools.chain.from_iterable(each.loaded() for each in self._dispatchers.values())
        return list(dict.fromkeys(found))

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """Name, version and measured bytes of each model that is loaded, on all devices together."""
        sizes: Counter[tuple[str, int]] = Counter()
        for dispatcher in self._dispatchers.values():
            for name, version, size_bytes in dispatcher.memory():
                sizes[name, version] += size_bytes
        return [(*key, size_bytes) for key, size_bytes in sizes.items()]

    @property
    def waiting(self) -> tuple[int, int]:
        """Requests and rows that wait for a device."""
        requests, rows = zip(*(each.waiting for each in self._dispatchers.values()), strict=True)
        return sum(requests), sum(rows)

    def describe(self, model: Model) -> Mapping[str, str]:
        """What runs a model, and what was measured to choose it: see `ports.Predictor.describe`; and the `device`, with the
        `device_us` of each kind where there was a choice.
        """
        dispatcher = self._find(model)
        if not dispatcher or not (found := dispatcher.describe(model)):
            return {}
        times = self._times_us.get(model.computation)
        return {**found, "device": self._placed[model.key], **({"device_us": times} if times else {})}

    def check_queue(
        self, model: Model, timeout_s: float | None, asked: parameters.Parameters = parameters.NONE
    ) -> None:
        """See `Dispatcher.check_queue`."""
        if dispatcher := self._find(model):
            dispatcher.check_queue(model, timeout_s, asked)

    async def predict(
        self,
        model: Model,
        inputs: Tensors,
        timeout_s: float | None,
        asked: parameters.Parameters = parameters.NONE,
        begun_ns: int = 0,
    ) -> Tensors:
        """See `Dispatcher.predict`."""
        dispatcher = self._find(model) or await self._place(model)
        return await dispatcher.predict(model, inputs, timeout_s, asked, begun_ns)

    def _find(self, model: Model) -> Dispatcher | None:
        kind = self._placed.get(model.key)
        return self._dispatchers[kind] if kind else None

    async def _place(self, model: Model) -> Dispatcher:
        await self._is_complete.wait()
        kind = self._kinds.get(model.computation)
        if len(self._dispatchers) == 1:
            (kind,) = self._dispatchers
        if not kind:
            async with self._choosing:
                kind = self._placed.get(model.key) or await self._choose(model)
        self._placed[model.key] = kind
        return self._dispatchers[kind]

    async def _choose(self, model: Model) -> str:
        """Load it on each kind, and let all but the best forget it. Raises what all of them raise."""
        found: dict[str, placement.Described] = {}
        problems: list[errors.DomainError] = []
        for kind, dispatcher in self._dispatchers.items():
            try:
                await dispatcher.ready(model)
                found[kind] = dispatcher.describe(model)
            except errors.DomainError as error:
                problems.append(error)
                log.warning(
                    "cannot load", extra={"model": model.name, "device": kind, "error": error.message}
                )
        if not found:
            raise problems[0]
        best = placement.choose(found, self._wanted)
        if not problems:  # else the next model like it is tried again
            self._kinds[model.computation] = best
        self._times_us[model.computation] = json.dumps(
            {kind: placement.read_times_us(described) for kind, described in found.items()}
        )
        for kind in found.keys() - {best}:
            await self._dispatchers[kind].unload(model.name, model.version)
        return best

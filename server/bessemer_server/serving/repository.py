"""Published models by name and version, as predictions need them."""

from __future__ import annotations

import dataclasses
import random
import time
import weakref
from collections.abc import Callable

from bessemer_server.domain import errors, ports
from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.models import Listed, Model
from bessemer_server.serving import references
from bessemer_server.serving.fresh import Fresh

MAX_NAME_LETTERS = 200
"""More than any model has: a longer name, which a request may have, is not looked for."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Unload:
    """Somebody's wish that a model shall not be served."""

    name: str


class Repository:
    """Reads models from the store. Versions never change, so they are kept in memory, and looked for again from time to time:
    another server may have deleted one.
    """

    def __init__(self, store: ports.Models, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._versions: Fresh[tuple[str, int], Model] = Fresh(lambda key: self._read(*key), monotonic_s)
        self._newest: Fresh[str, Model] = Fresh(lambda name: self._read(name, None), monotonic_s)
        self._aliases: Fresh[tuple[str, str], Alias] = Fresh(lambda key: store.get_alias(*key), monotonic_s)
        self._objects: weakref.WeakValueDictionary[tuple[str, int], Model] = weakref.WeakValueDictionary()
        """One for each version, with what was worked out about it."""
        self._unloaded: dict[str, set[Unload]] = {}
        """By name: those that stand, or may."""

    def unload(self, name: str) -> Unload:
        """Serve the model no more, until somebody loads it or this process ends; to be confirmed, or taken back."""
        unload = Unload(name)
        self._unloaded.setdefault(name, set()).add(unload)
        return unload

    def confirm(self, unload: Unload) -> None:
        """It stands, unless the model was loaded meanwhile."""
        if unload in self._unloaded.get(unload.name, ()):
            self._unloaded[unload.name] = {unload}  # which is enough, however often somebody asks

    def take_back(self, unload: Unload) -> None:
        """Those of others stand."""
        others = self._unloaded.get(unload.name, set())
        others.discard(unload)
        if not others:
            self._unloaded.pop(unload.name, None)

    def load(self, name: str) -> None:
        """Serve the model again."""
        self._unloaded.pop(name, None)

    def is_unloaded(self, name: str) -> bool:
        """Whether somebody has asked that the model shall not be served."""
        return name in self._unloaded

    async def has(self, name: str) -> bool:
        """Whether there is a version of the model, be it unloaded or not."""
        if len(name) > MAX_NAME_LETTERS:
            return False
        try:
            await self._find(name, None)
        except errors.NotFound:
            return False
        return True

    def changed(self, name: str) -> None:
        """There is a version of the model more or less, or one of its aliases has moved."""
        self._newest.forget(lambda key: key == name)
        self._versions.forget(lambda key: key[0] == name)
        self._aliases.forget(lambda key: key[0] == name)

    async def get(self, name: str, version_text: str, routing_key: str = "") -> Model:
        """The model of a request. Raises `NotFound` in the protocol's words, with near names, and for one that was unloaded.
        Where several versions share an alias, requests with the same routing key meet the same.
        """
        if len(name) > MAX_NAME_LETTERS:
            raise errors.NotFound(
                f"Request for unknown model: '{name[:MAX_NAME_LETTERS]}…' is not found (no model's name is so long)"
            )
        if name in self._unloaded and await self.has(name):
            raise errors.NotFound(
                f"Request for unknown model: '{name}' has no available versions: it was unloaded (RepositoryModelUnload); "
                "load it to have it back",
                reason="MODEL_UNLOADED",
            )
        if not version_text and (known := self._newest.get(name)):
            return known
        version = references.parse(version_text)
        try:
            if isinstance(version, str):
                version = _choose(await self._find_alias(name, version), routing_key)
            return await self._find(name, version)
        except errors.NotFound as error:
            which = f"'{name}' version {version_text}" if version_text else f"'{name}'"
            raise errors.NotFound(
                f"Request for unknown model: {which} is not found ({error.message})"
            ) from error

    async def _find_alias(self, model: str, name: str) -> Alias:
        return await self._aliases.find((model, name))

    async def _find(self, name: str, version: int | None) -> Model:
        if version is None:
            return await self._newest.find(name)
        return await self._versions.find((name, version))

    async def _read(self, name: str, version: int | None) -> Model:
        model = await self._store.get_model(name, version)
        return self._objects.setdefault((model.name, model.version), model)

    async def newest(self) -> list[Listed]:
        """The newest version of each model, by name."""
        found: list[Listed] = []
        token = ""
        while True:
            page = await self._store.list_models("", 1000, token)
            found += page.items
            if not (token := page.next_token):
                return found

    async def versions(self, name: str) -> list[int]:
        """All versions of a model, oldest first."""
        found, token = [], ""
        while True:
            page = await self._store.list_models(name, 1000, token)
            found += [model.version for model in page.items]
            if not (token := page.next_token):
                return sorted(found)


def _choose(alias: Alias, routing_key: str) -> int:
    if len(alias.shares) == 1:
        return alias.main
    return alias.choose(alias.place(routing_key) if routing_key else random.random())

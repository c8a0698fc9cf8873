"""Published models by name and version, as predictions need them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from bessemer_server.domain import errors, ports
from bessemer_server.domain.models import Model

CACHE_SIZE = 256
FRESH_S = 1.0
"""So long the newest version of a model is taken for the newest without a look: another server may have published one. What
this server publishes counts at once.
"""
MAX_VERSION_DIGITS = 9
MAX_NAME_LETTERS = 200
"""More than any model has: a longer name, which a request may have, is not looked for."""


def parse_version(text: str) -> int | None:
    """The version that a request names; None for the newest. Raises `InvalidArgument`."""
    if not text:
        return None
    # More digits than any version has, and than the database takes, are no version either.
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_VERSION_DIGITS and int(text) > 0):
        raise errors.InvalidArgument(
            f"failed to get model version from specified version string '{text[:40]}', version should be an integral "
            f"value > 0"
        )
    return int(text)


class Repository:
    """Reads models from the store; versions never change, so they are kept in memory."""

    def __init__(self, store: ports.Store, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._cache: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._newest: dict[str, tuple[Model, float]] = {}
        """By name, and until when it is taken for the newest."""
        self._publications = 0
        self._unloaded: set[str] = set()

    def set_unloaded(self, name: str, is_unloaded: bool) -> None:
        """Whether somebody has asked that the model shall not be served; until this process ends."""
        (self._unloaded.add if is_unloaded else self._unloaded.discard)(name)

    def is_unloaded(self, name: str) -> bool:
        """See `set_unloaded`."""
        return name in self._unloaded

    def published(self, name: str) -> None:
        """There is a new version of the model."""
        self._publications += 1
        self._newest.pop(name, None)

    async def get(self, name: str, version_text: str) -> Model:
        """The model of a request. Raises `NotFound` in the protocol's words, with near names, and for one that was unloaded."""
        if len(name) > MAX_NAME_LETTERS:
            raise errors.NotFound(
                f"Request for unknown model: '{name[:MAX_NAME_LETTERS]}…' is not found (no model's name is so long)"
            )
        if name in self._unloaded:
            raise errors.NotFound(
                f"Request for unknown model: '{name}' has no available versions: it was unloaded (RepositoryModelUnload); "
                "load it to have it back",
                reason="MODEL_UNLOADED",
            )
        if not version_text and (known := self._newest.get(name)) and self._monotonic_s() < known[1]:
            return known[0]
        version = parse_version(version_text)
        if version is not None and (cached := self._cache.get((name, version))):
            self._cache.move_to_end((name, version))
            return cached
        return await self._read(name, version)

    async def _read(self, name: str, version: int | None) -> Model:
        publications = self._publications
        try:
            model = await self._store.get_model(name, version)
        except errors.NotFound as error:
            which = f"'{name}'" if version is None else f"'{name}' version {version}"
            raise errors.NotFound(
                f"Request for unknown model: {which} is not found ({error.message})"
            ) from error
        # The same object as before, with what was worked out about it.
        model = self._cache.setdefault((model.name, model.version), model)
        if version is None and publications == self._publications:
            self._newest[name] = model, self._monotonic_s() + FRESH_S
        if len(self._cache) > CACHE_SIZE:
            (oldest, _), _ = self._cache.popitem(last=False)
            self._newest.pop(oldest, None)
        return model

    async def newest(self) -> list[Model]:
        """The newest version of each model, by name."""
        found: list[Model] = []
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

"""Published models by name and version, as predictions need them."""

from __future__ import annotations

from collections import OrderedDict

from bessemer_server.domain import errors, ports
from bessemer_server.domain.models import Model

CACHE_SIZE = 256
MAX_VERSION_DIGITS = 9


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

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._cache: OrderedDict[tuple[str, int], Model] = OrderedDict()

    async def get(self, name: str, version_text: str) -> Model:
        """The model of a request. Raises `NotFound` in the protocol's words, with near names."""
        version = parse_version(version_text)
        if version is not None and (cached := self._cache.get((name, version))):
            self._cache.move_to_end((name, version))
            return cached
        try:
            model = await self._store.get_model(name, version)
        except errors.NotFound as error:
            which = f"'{name}'" if version is None else f"'{name}' version {version}"
            raise errors.NotFound(
                f"Request for unknown model: {which} is not found ({error.message})"
            ) from error
        self._cache[(model.name, model.version)] = model
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return model

    async def versions(self, name: str) -> list[int]:
        """All versions of a model, oldest first."""
        found, token = [], ""
        while True:
            page = await self._store.list_models(name, 1000, token)
            found += [model.version for model in page.items]
            if not (token := page.next_token):
                return sorted(found)

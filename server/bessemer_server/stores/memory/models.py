"""Models and their aliases in memory: `domain.ports.Models`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence

from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.jobs import Page, Time
from bessemer_server.domain.models import Listed, Model, Origin, Publication
from bessemer_server.stores import model_rules, paging, rules
from bessemer_server.stores.memory.records import Records, age


class Models(Records):
    """By name and version."""

    async def get_model(self, name: str, version: int | None) -> Model:
        versions = self._models.get(name, {})
        number = max(versions, default=0) if version is None else version
        if number not in versions:
            raise model_rules.unknown_model(name, version, self._models, sorted(versions))
        return versions[number]

    async def list_models(self, name: str, page_size: int, page_token: str) -> Page[Listed]:
        paging.check_size(page_size)
        listing = paging.models_listing(name)
        after = paging.decode(listing, page_token)
        if name:
            versions = sorted(self._models.get(name, {}).values(), key=lambda m: -m.version)
            models = [m.listed for m in versions if after is None or m.version < after[0]]
            return paging.make_page(models, page_size, listing, lambda model: [model.version])
        newest = [versions[max(versions)] for _, versions in sorted(self._models.items())]
        models = [m.listed for m in newest if after is None or m.name > after[0]]
        return paging.make_page(models, page_size, listing, lambda model: [model.name])

    async def import_model(self, name: str, publication: Publication, origin: Origin, now: Time) -> Model:
        rules.check_blobs(self._missing(publication.weights))
        versions = self._models.get(name, {})
        if versions and model_rules.is_same(newest := versions[max(versions)], publication):
            return newest
        version = self._last_versions[name] = self._last_versions.get(name, 0) + 1
        model = model_rules.import_model(name, copy.deepcopy(publication), origin, version, now)
        self._models.setdefault(name, {})[version] = model
        return model

    async def delete_model(self, name: str, version: int | None) -> Sequence[int]:
        await self.get_model(name, version)
        versions = self._models[name]
        gone = sorted(versions) if version is None else [version]
        model_rules.check_unnamed(name, gone, await self.aliases([name]))
        unfinished = (job for job in sorted(self._jobs(), key=age) if not job.state.is_terminal)
        model_rules.check_unneeded(name, gone, unfinished)
        for number in gone:
            del versions[number]
        if not versions:
            del self._models[name]
        return gone

    async def set_alias(self, alias: Alias) -> None:
        await self.get_model(alias.model, None)
        for version in alias.shares:
            await self.get_model(alias.model, version)
        self._aliases[alias.model, alias.name] = alias

    async def delete_alias(self, model: str, name: str) -> None:
        await self.get_model(model, None)
        self._aliases.pop((model, name), None)

    async def get_alias(self, model: str, name: str) -> Alias:
        await self.get_model(model, None)
        found = self._aliases.get((model, name))
        if found is None:
            raise model_rules.unknown_alias(
                name, model, [alias.name for alias in await self.aliases([model])]
            )
        return found

    async def aliases(self, models: Collection[str]) -> Sequence[Alias]:
        return [alias for (model, _), alias in sorted(self._aliases.items()) if model in models]

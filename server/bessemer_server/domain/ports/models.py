"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.jobs import Page, Time
from bessemer_server.domain.models import Listed, Model, Origin, Publication


class Models(Protocol):
    """Published models, by name and version, and their aliases."""

    async def get_model(self, name: str, version: int | None) -> Model:
        """The newest version when `version` is None. Raises `NotFound`, with near names."""
        ...

    async def list_models(self, name: str, page_size: int, page_token: str) -> Page[Listed]:
        """Newest version of each model by name; with `name`, every version of it, newest first."""
        ...

    async def import_model(self, name: str, publication: Publication, origin: Origin, now: Time) -> Model:
        """Publish the next version of `name`. The newest version again, if it has the very same weights and definition, is that
        version. Raises `FailedPrecondition` when a blob of the weights is missing.
        """
        ...

    async def delete_model(self, name: str, version: int | None) -> Sequence[int]:
        """Remove one version, or with None all of them; returns those that were removed. Their numbers are not given again, and
        blobs that nothing else needs are collected later. Raises `NotFound`, and `FailedPrecondition` for a version that an
        alias names, or that a job which has not ended predicts or begins with.
        """
        ...

    async def set_alias(self, alias: Alias) -> None:
        """Make or move an alias, in one step. Raises `NotFound` for a model or version that is not there."""
        ...

    async def delete_alias(self, model: str, name: str) -> None:
        """Remove an alias; again is no error. Raises `NotFound` for a model that is not there."""
        ...

    async def get_alias(self, model: str, name: str) -> Alias:
        """Raises `NotFound`, with near names."""
        ...

    async def aliases(self, models: Collection[str]) -> Sequence[Alias]:
        """All aliases of these models, by model and name."""
        ...

"""What a specification would make, before any training; and the catalog of what can be named in one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources, uploaded
from bessemer_server.domain import bases, plans
from bessemer_server.layers import kinds as layers
from bessemer_server.layers import networks
from bessemer_server.layers.options import Options
from bessemer_server.training import devices, memory, resolving
from bessemer_server.training.objectives import kinds as losses
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.scores import kinds as scores


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...


class _Entry(_Named, Protocol):
    @property
    def options(self) -> type[Options]: ...


def plan(
    spec: Mapping[str, Any],
    info: plans.DatasetInfo | None = None,
    known: Mapping[str, bases.Base] = bases.NO_BASES,
    validation: plans.DatasetInfo | None = None,
) -> plans.Plan:
    """The specification with every default, and the layers it makes, by building them without memory.

    `info` is of the data set that it names, and `validation` of its `validation_dataset`, where a user uploaded them;
    `known` are the models that it begins with.

    Raises `errors.InvalidArgument` with every violation that can be seen.
    """
    source, validation_source = (uploaded.make_source(i) if i else None for i in (info, validation))
    resolved = resolving.resolve(spec, source, known, validation_source)
    found = plans.Plan(resolved.effective_spec, *_summarise(resolved))
    memory.check(found.parameters, memory.host_bytes())
    return found


def _summarise(resolved: resolving.Resolved) -> tuple[tuple[int, ...], tuple[plans.LayerSummary, ...]]:
    """The shape of what comes in, and the layers; of two networks, the generator's come first."""
    if resolved.opponent is None:
        return resolved.info.shape, networks.summarise(resolved.network)
    rows = [
        dataclasses.replace(row, kind=f"{player}/{row.kind}")
        for player, network in (("generator", resolved.network), ("discriminator", resolved.opponent))
        for row in networks.summarise(network)
    ]
    assert resolved.architecture.adversary
    shape = resolved.architecture.adversary.latent_shape(resolved.options)
    return shape, tuple(dataclasses.replace(row, index=index) for index, row in enumerate(rows))


def catalog() -> plans.Catalog:
    """All that can be named in a specification, each by name, and the devices that torch sees here."""
    return plans.Catalog(
        architectures=_entries(architectures.REGISTRY),
        optimizers=_entries(optimizers.REGISTRY),
        layers=_entries(layers.REGISTRY),
        losses=_names(losses.REGISTRY),
        metrics=_names(scores.REGISTRY),
        datasets=tuple(source.info for source in sources.REGISTRY),
        devices=devices.available(),
    )


def _names(entries: Iterable[_Named]) -> tuple[plans.CatalogEntry, ...]:
    """Of what has no options."""
    return tuple(plans.CatalogEntry(entry.name, entry.description, {}) for entry in entries)


def _entries(entries: Iterable[_Entry]) -> tuple[plans.CatalogEntry, ...]:
    return tuple(
        plans.CatalogEntry(entry.name, entry.description, entry.options.model_json_schema())
        for entry in entries
    )

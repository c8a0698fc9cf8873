"""A specification of predictions as data, and what is wrong with it: what the planner says before any prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from bessemer_server.data import sources, uploaded
from bessemer_server.domain import errors, plans
from bessemer_server.domain.predictions import Asked
from bessemer_server.layers.options import Options, violations
from bessemer_server.training import published, subsets

KNOWN = (*subsets.SPLITS, subsets.ALL)


class PredictionConfig(Options):
    """Which model is asked about which samples."""

    model: str
    """`name@version` of a classifier."""
    dataset: str
    split: str = subsets.ALL
    """`train`, `validation` or `test`, divided as for the model's job; or `all`."""
    batch_size: Annotated[int, pydantic.Field(ge=1, le=65_536)] = 256
    """Samples per step, from 1 to 65,536."""


def plan(spec: Mapping[str, Any], asked: Asked, info: plans.DatasetInfo | None = None) -> Mapping[str, Any]:
    """The specification with every default. `info` is of the data set that it names, where a user uploaded it.

    Raises `errors.InvalidArgument` with every violation that can be seen.
    """
    found: list[errors.Violation] = []
    try:
        config = PredictionConfig.model_validate(spec)
    except pydantic.ValidationError as error:
        found += violations(error, PredictionConfig, "")
        config = PredictionConfig(
            model=spec["model"], dataset=spec["dataset"], split=spec.get("split", subsets.ALL)
        )
    found += _check(config, asked, uploaded.make_source(info) if info else None)
    if found:
        raise errors.InvalidArgument(violations=found)
    return config.model_dump(mode="json")


def _check(config: PredictionConfig, asked: Asked, source: sources.Source | None) -> list[errors.Violation]:
    found: list[errors.Violation] = []
    if published.kind(asked.definition) != published.CLASSIFIER:
        found.append(
            errors.Violation("model", f"{config.model} makes pictures; name a model that tells samples apart")
        )
    if config.split not in KNOWN:
        text = f"there is no split {config.split!r}; {errors.suggest(config.split, KNOWN)}"
        found.append(errors.Violation("split", text))
    if source is None and config.dataset not in sources.REGISTRY:
        found.append(errors.Violation("dataset", sources.REGISTRY.unknown(config.dataset)))
    if not found:
        found += _check_data(config, asked, (source or sources.REGISTRY.get(config.dataset)).info)
    return found


def _check_data(config: PredictionConfig, asked: Asked, info: plans.DatasetInfo) -> list[errors.Violation]:
    if misfit := subsets.find_misfit(asked.definition, info):
        return [errors.Violation("dataset", misfit)]
    if not subsets.count(asked.spec, info, config.split):
        text = f"{info.name} has no {config.split} samples, divided as for this model; take another of {', '.join(KNOWN)}"
        return [errors.Violation("split", text)]
    return []

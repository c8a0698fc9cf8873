"""The data set of a specification: its splits, and whether they suit."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import Any

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources, splits
from bessemer_server.domain import plans
from bessemer_server.training import validating
from bessemer_server.training.checks.findings import Findings
from bessemer_server.training.config import TextConfig, TrainingConfig


def validation(
    found: Findings, config: TrainingConfig, source: sources.Source | None, uploaded: sources.Source | None
) -> tuple[TrainingConfig, sources.Source | None]:
    """The configuration without a share for validation where a data set takes its place, and that one."""
    if config.validation_dataset is None:
        return config, None
    if "validation_split" in config.model_fields_set and config.validation_split:
        found.reject("validation_split", "cannot be set beside validation_dataset; leave one of them out")
    chosen = uploaded or found.entry(sources.REGISTRY, config.validation_dataset, "validation_dataset")
    if chosen and source and (fault := validating.find_fault(chosen.info, source.info)):
        found.reject("validation_dataset", fault)
    return config.model_copy(update={"validation_split": 0.0}), chosen


def suit_defaults(config: TrainingConfig, source: sources.Source, given: Container[str]) -> TrainingConfig:
    """Defaults made smaller where the data set has too few samples for them; what was given stays."""
    for share, part in (("test_split", "test"), ("validation_split", "validation")):
        sizes = splits.sizes(source.info, config.validation_split, config.test_split)
        if share not in given and not getattr(sizes, part):
            config = config.model_copy(update={share: 0.0})
    train = splits.sizes(source.info, config.validation_split, config.test_split).train
    if "batch_size" not in given and 0 < train < config.batch_size:
        config = config.model_copy(update={"batch_size": train})
    return config


def sizes(found: Findings, config: TrainingConfig, source: sources.Source) -> splits.Sizes:
    """How many samples each split has: none may be empty that was asked for, nor smaller than a batch."""
    sizes = splits.sizes(source.info, config.validation_split, config.test_split)
    if not sizes.train + sizes.validation:
        found.reject("test_split", f"leaves no training samples of {source.name}; use less")
        return sizes
    for name, share, size in (
        ("validation_split", config.validation_split, sizes.validation),
        ("test_split", config.test_split, sizes.test),
    ):
        if share and not size:
            found.reject(
                name,
                f"{share:g} of the samples of {source.name} is less than one; use more, or 0 for none",
            )
    if not sizes.train:
        found.reject("validation_split", f"leaves no training samples of {source.name}; use less")
    elif config.batch_size > sizes.train:
        found.reject(
            "batch_size",
            f"must be at most {sizes.train:,}, the samples of {source.name} that are left for training, "
            f"but is {config.batch_size:,}",
        )
    return sizes


def text(
    found: Findings, config: TrainingConfig, source: sources.Source | None
) -> tuple[TrainingConfig, plans.DatasetInfo | None]:
    """The configuration with settings for texts where they are needed, and what the network sees."""
    if source is None:
        return config, None
    if source.info.kind == "text":
        settings = config.text or TextConfig()
        info = dataclasses.replace(source.info, shape=(settings.length,), vocabulary=settings.vocabulary)
        return config.model_copy(update={"text": settings}), info
    if config.text:
        found.reject("text", f"is for texts, but {source.name} is {source.info.kind} data; leave it out")
    return config, source.info


def fits(found: Findings, architecture: architectures.Architecture[Any], info: plans.DatasetInfo) -> bool:
    """Whether the architecture takes data of this kind."""
    if info.kind not in architecture.takes:
        fitting = [a.name for a in architectures.REGISTRY if info.kind in a.takes]
        found.reject(
            "architecture",
            f"{architecture.name} takes {' and '.join(sorted(architecture.takes))} data, but {info.name} "
            f"is {info.kind} data; for it there are {', '.join(fitting)}",
        )
    return info.kind in architecture.takes

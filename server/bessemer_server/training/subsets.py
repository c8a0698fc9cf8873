"""The samples of a data set that a published model is asked about: those of a split, divided as for the model's own job."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bessemer_server.data import sources, splits
from bessemer_server.domain import plans
from bessemer_server.training import signatures
from bessemer_server.training.config import TrainingConfig

SPLITS = ("train", "validation", "test")
ALL = "all"
"""Every sample, in the order of the data set; those of its own test split come last."""
SHARES = ("validation_split", "test_split")


def find_misfit(definition: Mapping[str, Any], info: plans.DatasetInfo) -> str:
    """Why a model cannot take the samples of a data set; empty when it can."""
    (takes,), (gives,) = definition["inputs"], signatures.of(info)["inputs"]
    if (gives["name"], [*gives["shape"]]) == (takes["name"], [*takes["shape"]]):
        return ""
    given, taken = (f"{spec['name']} of shape {tuple(spec['shape'][1:])}" for spec in (gives, takes))
    return f"{info.name} has {given}; the model takes {taken}"


def count(spec: Mapping[str, Any], info: plans.DatasetInfo, split: str) -> int:
    """How many samples `load` gives of a split, or of `ALL`."""
    if split == ALL:
        return info.train_samples + info.test_samples
    found: int = dataclasses.asdict(splits.sizes(info, *_shares(spec)))[split]
    return found


def load(
    spec: Mapping[str, Any], source: sources.Source, split: str, folders: sources.Folders
) -> sources.Samples | None:
    """The samples of a split, or of `ALL`; None where it has none. `spec`: the effective specification that the model was
    trained by, which may be empty: then a data set is divided as by default. Raises `sources.InvalidData`.
    """
    train, test = source.load(folders)
    if split == ALL:
        return train if test is None else _join(train, test)
    parts = splits.split(train, test, source.info, *_shares(spec))
    found: dict[str, sources.Samples | None] = {
        "train": parts.train,
        "validation": parts.validation,
        "test": parts.test,
    }
    return found[split]


def _shares(spec: Mapping[str, Any]) -> tuple[float, float]:
    config = TrainingConfig.model_validate({name: spec[name] for name in SHARES if name in spec})
    return config.validation_split, config.test_split


def _join(first: sources.Samples, second: sources.Samples) -> sources.Samples:
    return sources.Samples(
        np.concatenate([first.inputs, second.inputs]), np.concatenate([first.labels, second.labels])
    )

"""A data set of its own to validate on, in place of a share of the training data."""

from __future__ import annotations

import numpy as np

from bessemer_server.data import sources
from bessemer_server.domain import errors, plans

LABELS_NAMED = 5


def find_fault(validation: plans.DatasetInfo, training: plans.DatasetInfo) -> str | None:
    """What keeps a model of one data set from being validated on the other, as a sentence; None when nothing does."""
    if validation.name == training.name:
        return f"{validation.name} is what is trained on; name another data set, or use validation_split"
    if (validation.kind, validation.shape) != (training.kind, training.shape):
        return (
            f"{validation.name} is {_describe(validation)}, but {training.name} is {_describe(training)}; name "
            "a data set like it"
        )
    if unknown := [label for label in validation.labels if label not in training.labels]:
        named = ", ".join(map(repr, unknown[:LABELS_NAMED]))
        more = f" and {len(unknown) - LABELS_NAMED} more" if len(unknown) > LABELS_NAMED else ""
        return (
            f"{validation.name} has labels that {training.name} has not: {named}{more}; "
            f"{errors.suggest(unknown[0], training.labels)}"
        )
    return None


def load(source: sources.Source, training: plans.DatasetInfo, folders: sources.Folders) -> sources.Samples:
    """All of its samples, those of a test split too, with each label as the training data numbers it.

    Raises `sources.InvalidData`.
    """
    parts = [part for part in source.load(folders) if part is not None]
    index = np.array([training.labels.index(label) for label in source.info.labels], dtype=np.int64)
    labels = np.concatenate([part.labels for part in parts])
    return sources.Samples(np.concatenate([part.inputs for part in parts]), index[labels])


def _describe(info: plans.DatasetInfo) -> str:
    return f"{info.kind} data" + (f" of shape {info.shape}" if info.shape else "")

"""Splits: stratified by label, and the same for every job.

The key of the draw is a constant, not the job's seed: jobs of equal shares are compared on the same samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bessemer_server.data import sources
from bessemer_server.domain import plans

TEST_KEY = 0x7E57
VALIDATION_KEY = 0x7A11D


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """Samples of each split."""

    train: int
    validation: int
    test: int


@dataclasses.dataclass(frozen=True, slots=True)
class Splits:
    """The samples of each split; None for one that was not asked for."""

    train: sources.Samples
    validation: sources.Samples | None
    test: sources.Samples | None

    def map(self, change: Callable[[sources.Samples], sources.Samples]) -> Splits:
        """Each split, changed in the same way."""
        validation, test = (None if part is None else change(part) for part in (self.validation, self.test))
        return Splits(change(self.train), validation, test)


def sizes(info: plans.DatasetInfo, validation_split: float, test_split: float) -> Sizes:
    """How `split` will divide the data set. Shares are rounded to whole samples."""
    test = info.test_samples or round(info.train_samples * test_split)
    train = info.train_samples - (0 if info.test_samples else test)
    validation = round(train * validation_split)
    return Sizes(train - validation, validation, test)


def split(
    train: sources.Samples,
    test: sources.Samples | None,
    info: plans.DatasetInfo,
    validation_split: float,
    test_split: float,
) -> Splits:
    """Hold out test samples where the data set brings none, then validation samples."""
    counts = sizes(info, validation_split, test_split)
    validation = None
    if test is None and counts.test:
        train, test = _hold_out(train, counts.test, TEST_KEY)
    if counts.validation:
        train, validation = _hold_out(train, counts.validation, VALIDATION_KEY)
    return Splits(train, validation, test)


def _hold_out(samples: sources.Samples, count: int, key: int) -> tuple[sources.Samples, sources.Samples]:
    held = np.zeros(len(samples), dtype=bool)
    held[stratified(samples.labels, count, key)] = True
    return samples.take(np.flatnonzero(~held)), samples.take(np.flatnonzero(held))


def stratified(labels: npt.NDArray[np.int64], count: int, key: int) -> npt.NDArray[np.int64]:
    """Indices of `count` samples in which each label has its share, by the method of largest remainders."""
    order = np.random.Generator(np.random.Philox(key=key)).permutation(len(labels))
    classes, totals = np.unique(labels, return_counts=True)
    exact = totals * count / len(labels)
    shares = np.floor(exact).astype(np.int64)
    # Stable: of equal remainders the smaller label comes first.
    largest = np.argsort(shares - exact, kind="stable")
    shares[largest[: count - shares.sum()]] += 1
    return np.concatenate([order[labels[order] == c][:n] for c, n in zip(classes, shares, strict=True)])

"""What a score is, and the registry of all of them. Shapes: N samples, K classes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from bessemer_server.domain import errors, registry

ALWAYS = ("loss", "accuracy")
"""Measured whether they are named or not."""
TOP_K = re.compile(r"top_(\d{1,6})_accuracy")


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """A metric of a classifier: the more, the better. A module-level value of this type in this package is found by
    the registry."""

    name: str
    """As users write it. A `k` stands for a number of their choice: `top_k_accuracy` for `top_5_accuracy`."""
    compute: Callable[[torch.Tensor, torch.Tensor, int], float]
    """(logits [N, K], labels [N], the number in the name) → value. Its docstring describes the score."""

    @property
    def description(self) -> str:
        """First paragraph of the docstring of `compute`."""
        return " ".join((inspect.getdoc(self.compute) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Score] = registry.Registry("metric", Score, __package__, "bessemer.metrics")


def compute(names: Iterable[str], logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """The value of each score by name, on all samples; those of `ALWAYS` are left out."""
    found = {}
    for name in names:
        if name not in ALWAYS:
            kind, number = _parse(name)
            found[name] = REGISTRY.get(kind).compute(logits, labels, number)
    return found


def find_faults(names: Sequence[str], classes: int | None) -> Iterator[errors.Violation]:
    """A violation for each name that cannot be measured on this many classes; None: not known yet."""
    for index, name in enumerate(names):
        if fault := _find_fault(name, names[:index], classes):
            yield errors.Violation(f"metrics[{index}]", fault)


def explain_unmeasured(metric: str, measured: Sequence[str]) -> str:
    """What to do about an epoch metric, `val/f1`, that is not among those measured."""
    split, _, name = metric.partition("/")
    if split in ("train", "val") and _find_fault(name, (), None) is None:
        return f"{metric} is not measured; add {name!r} to metrics"
    return f"there is no metric {metric!r}; {errors.suggest(metric, measured)}"


def _find_fault(name: str, before: Sequence[str], classes: int | None) -> str | None:
    if name in before:
        return f"{name} is named twice; leave one out"
    if name in ALWAYS:
        return None
    kind, number = _parse(name)
    if kind not in REGISTRY or (kind == name and "_k_" in name):
        known = [*ALWAYS, *(score.name.replace("_k_", "_5_") for score in REGISTRY)]
        return f"there is no metric {name!r}; {errors.suggest(name, known)}"
    if kind != name and number < 1:
        return f"{name}: the number must be at least 1"
    if kind != name and classes and number >= classes:
        return f"{name} would always be 1 for {classes} classes; the number must be less than that"
    return None


def _parse(name: str) -> tuple[str, int]:
    """`top_k_accuracy` and 5 of `top_5_accuracy`; of other names themselves and 0."""
    found = TOP_K.fullmatch(name)
    return ("top_k_accuracy", int(found[1])) if found else (name, 0)

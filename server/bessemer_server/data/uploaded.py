"""A data set that a user uploaded, as a source like the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from typing import Any

import numpy.typing as npt

from bessemer_server.data import sources, text
from bessemer_server.domain import plans

Fetch = Callable[[str], npt.NDArray[Any]]
"""A tensor by its name."""


def make_source(
    info: plans.DatasetInfo,
    scale: float | None = None,
    names: Collection[str] = (),
    fetch: Fetch | None = None,
) -> sources.Source:
    """The source whose tensors have these names (see `domain.datasets.Content.tensors`), each had by `fetch`.

    Without `fetch` it can be planned with, not trained on.
    """

    def read(folders: sources.Folders) -> tuple[sources.Samples, sources.Samples | None]:
        if fetch is None:
            raise TypeError(f"only the description of {info.name} is here, not its samples")
        train, test = (
            sources.Samples(_fetch_inputs(fetch, split, info.kind), fetch(f"{split}/labels"))
            if f"{split}/inputs" in names
            else None
            for split in ("train", "test")
        )
        assert train is not None  # every upload has it
        return train, test

    return sources.Source(info, read, scale)


def _fetch_inputs(fetch: Fetch, split: str, kind: str) -> npt.NDArray[Any]:
    """Texts are kept as their UTF-8 in one, and where each begins and ends."""
    inputs = fetch(f"{split}/inputs")
    if kind != "text":
        return inputs
    joined = inputs.tobytes()
    return text.to_array([joined[a:b].decode() for a, b in itertools.pairwise(fetch(f"{split}/offsets"))])

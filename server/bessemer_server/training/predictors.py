"""Published models by kind: what a predictor process holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

from bessemer_server.training import inference, pending, published
from bessemer_server.training.generative import sampling

Array = npt.NDArray[Any]


class Predictor(Protocol):
    """A published model on a device."""

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises `errors.InvalidArgument` for inputs that do not fit the signature."""
        ...

    def begin(self, inputs: Mapping[str, Array]) -> pending.Pending[dict[str, Array]]:
        """As `predict`, without waiting for a device that computes by itself, and with rows of which the network makes no number (see
        `inference.find_lost`); at most `pending.AT_ONCE` at a time.
        """
        ...

    def warm(self) -> None:
        """Predict once, so that the first real prediction finds everything in place."""
        ...

    def describe(self) -> dict[str, str]:
        """What runs it: `engine`, and what was measured to choose it."""
        ...


def build(
    definition: Mapping[str, Any], weights: Mapping[str, Array], device: str, engine: str = "torch"
) -> Predictor:
    """The predictor for the kind of a definition; `engine` is the name of one, or `auto` for the fastest."""
    match published.kind(definition):
        case published.CLASSIFIER:
            return inference.InferenceModel(definition, weights, device, engine)
        case published.GENERATOR:
            return sampling.Sampler(definition, weights, device)
        case kind:
            raise ValueError(f"there is no predictor for models of kind {kind!r}")

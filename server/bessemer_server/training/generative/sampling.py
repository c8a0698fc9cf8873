"""Pictures from a published generator, as a function of (count, seed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.domain import errors, plans
from bessemer_server.training import pending, published
from bessemer_server.training.engines import torch_eager
from bessemer_server.training.generative import noise

Array = npt.NDArray[Any]
MAX_COUNT = 1024
CHUNK = 64
"""Pictures that are made at once, always as many: so the first ones are the same bytes whatever the count."""
_DTYPES = {"count": "int32", "seed": "int64"}


def signature(info: plans.DatasetInfo) -> dict[str, list[dict[str, Any]]]:
    """`inputs` and `outputs` of a definition. No input has a batch: each request is alone."""
    return {
        "inputs": [
            {"name": "count", "datatype": "INT32", "shape": [1]},
            {"name": "seed", "datatype": "INT64", "shape": [1]},
        ],
        "outputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, *info.shape]}],
    }


class Sampler:
    """A generator on a device, ready to draw."""

    def __init__(self, definition: Mapping[str, Any], weights: Mapping[str, Array], device: str) -> None:
        """Build the network of `definition` (see `models.Publication`) and give it copies of `weights`."""
        self._latent: int = definition["input_shape"][0]
        self._model = published.Published(definition, weights, torch.device(device))

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """`images` uint8 [count, H, W, C] for `count` and `seed`, one number each.

        Raises `errors.InvalidArgument` for an input that does not fit the signature, and for a count out of range.
        """
        count, seed = _check(inputs)
        chunks = [self._draw(seed, chunk) for chunk in range(-(-count // CHUNK))]
        return {"images": np.concatenate(chunks)[:count]}

    def begin(self, inputs: Mapping[str, Array]) -> pending.Pending[dict[str, Array]]:
        """See `predictors.Predictor.begin`: it is done when this returns."""
        return pending.of(self.predict(inputs))

    def describe(self) -> dict[str, str]:
        """The engine is always the same: another one might make another picture of the same seed."""
        return {"engine": torch_eager.TORCH.name}

    def warm(self) -> None:
        """Draw once, so that the first real request finds everything in place."""
        self._draw(0, 0)

    def _draw(self, seed: int, chunk: int) -> Array:
        latent = noise.draw((CHUNK, self._latent), self._model.device, seed, "sample", chunk)
        pictures: Array = self._model.forward(latent).cpu().numpy()
        return pictures


def _check(inputs: Mapping[str, Array]) -> tuple[int, int]:
    if set(inputs) != set(_DTYPES):
        given = ", ".join(inputs) or "none"
        raise errors.InvalidArgument(f"the inputs of a generator are count and seed, but given are {given}")
    for name, dtype in _DTYPES.items():
        if inputs[name].dtype != dtype or inputs[name].shape != (1,):
            raise errors.InvalidArgument(
                f"input {name} must be {dtype} of shape [1], but is {inputs[name].dtype.name} of shape "
                f"{list(inputs[name].shape)}"
            )
    count, seed = int(inputs["count"][0]), int(inputs["seed"][0])
    if not 1 <= count <= MAX_COUNT:
        raise errors.InvalidArgument(
            f"count must be from 1 to {MAX_COUNT:,}, but is {count:,}; for more, draw with several seeds"
        )
    return count, seed

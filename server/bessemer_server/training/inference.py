"""Predictions of a published model, with the preprocessing code that trained it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.data import text as texts
from bessemer_server.domain import errors, ports, tensors
from bessemer_server.training import pending, published
from bessemer_server.training.engines import choosing, kinds

Array = npt.NDArray[Any]


class InferenceModel:
    """A model on a device, ready to predict."""

    def __init__(
        self, definition: Mapping[str, Any], weights: Mapping[str, Array], device: str, engine: str = "torch"
    ) -> None:
        """Build the network of `definition` (see `models.Publication`) with copies of `weights`, and choose what runs it: see
        `choosing.choose`.
        """
        (self._input,), (self._output,) = definition["inputs"], definition["outputs"]
        self._dtype = np.dtype(tensors.NUMPY_NAMES[self._input["datatype"]])
        self._row_shape = tuple(self._input["shape"][1:])
        prepared = definition["preprocessing"]
        self._encode = texts.Encoder(prepared) if prepared["kind"] == "text" else None
        model = published.Published(definition, weights, torch.device(device))
        self._choice = choosing.choose(model, torch.get_num_threads(), engine)
        self._begin = kinds.beginning(self._choice.engine)

    @property
    def classes(self) -> int:
        """How many it tells apart."""
        return int(self._output["shape"][1])

    def describe(self) -> dict[str, str]:
        """See `choosing.Choice.describe`."""
        return self._choice.describe()

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name for raw inputs by name; the first axis is the batch. Texts are `str` or UTF-8, of dtype object.

        Raises `errors.InvalidArgument` for an input that does not fit the signature, or of which the network makes no number.
        """
        answer = self.begin(inputs).result()
        if lost := find_lost(answer):
            raise errors.no_number(f"row {lost[0]} of input {self._input['name']}")
        return answer

    def begin(self, inputs: Mapping[str, Array]) -> pending.Pending[dict[str, Array]]:
        """As `predict`, without waiting for a device that computes by itself, and with whatever the network makes of each row:
        see `find_lost`.
        """
        array = self._prepare(self._check(inputs))
        return self._begin(array).then(lambda answer: {self._output["name"]: answer})

    def run(self, array: Array) -> Array:
        """Probabilities [N, K] for raw inputs that fit the signature."""
        return self._choice.engine.run(self._prepare(array))

    def warm(self) -> None:
        """Predict zeros once, or a word, so that the first real prediction finds everything in place."""
        self.run(np.full((1, *self._row_shape), 0 if self._encode is None else b"word", self._dtype))

    def _prepare(self, array: Array) -> Array:
        if self._encode is None:
            return array
        return self._encode([text if isinstance(text, str) else text.decode() for text in array])

    def _check(self, inputs: Mapping[str, Array]) -> Array:
        name = self._input["name"]
        if inputs.keys() != {name}:
            raise errors.InvalidArgument(f"the input is {name}, but given are {', '.join(inputs) or 'none'}")
        array = inputs[name]
        if array.dtype != self._dtype or array.shape[1:] != self._row_shape:
            raise errors.InvalidArgument(
                f"input {name} must be {self._input['datatype']} of shape {self._input['shape']}, but is {array.dtype.name} of shape "
                f"{list(array.shape)}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise errors.InvalidArgument(f"input {name} must be finite, but row {row} has NaN or infinity")
        return array


def find_lost(outputs: Mapping[str, Array]) -> list[int]:
    """Rows with values that are no numbers, in order, at most `MAX_LOST`: these have no likeliest class, and would have one all the
    same.
    """
    floats = [array for array in outputs.values() if array.dtype.kind == "f"]
    if all(np.isfinite(array).all() for array in floats):
        return []
    bad = [~np.isfinite(array).all(axis=tuple(range(1, array.ndim))) for array in floats]
    found: list[int] = np.flatnonzero(np.logical_or.reduce(bad))[: ports.MAX_LOST].tolist()
    return found

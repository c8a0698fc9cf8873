"""A safetensors file as a model: its tensors must be those of the network that its definition describes.

The file may be one of ours, whose metadata says all, or anybody's weights for a network like that of a model which is here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic
import safetensors
import torch

from bessemer_server.domain import errors
from bessemer_server.domain.safetensors import DTYPES as FORMAT_DTYPES
from bessemer_server.layers import networks
from bessemer_server.layers.options import Options, violations
from bessemer_server.training import published, snapshots
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.exchange import definitions, samples

MAX_NAMED = 10
"""Tensors that a message names."""


class Origin(Options):
    """See `domain.models.Origin`."""

    architecture: str = pydantic.Field("", max_length=100)
    dataset: str = pydantic.Field("", max_length=100)
    dataset_digest: str = pydantic.Field("", pattern="^([0-9a-f]{64})?$")
    metrics: dict[str, float] = pydantic.Field({}, max_length=1000)
    effective_spec: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Imported:
    """What a file is."""

    definition: Mapping[str, Any]
    origin: Mapping[str, Any]
    weights: Mapping[str, npt.NDArray[Any]]
    """In the order in which the network has them."""
    parameters: int


def read(path: str, like: Mapping[str, Any] | None) -> Imported:
    """Check the file. `like`: `definition` and `origin` for a file without them. Raises `errors.InvalidArgument`."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            definition, origin = _describe(file.metadata() or {}, like)
            network = definitions.check(definition)
            weights = _take(file, network)
    except (safetensors.SafetensorError, UnicodeDecodeError) as error:
        raise _refuse("file", f"is no safetensors file: {str(error)[:200]}") from error
    _try_out(definition, weights)
    parameters = sum(tensor.numel() for tensor in network.parameters())
    return Imported(definition, origin, weights, parameters)


def _describe(
    metadata: Mapping[str, str], like: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Definition and origin."""
    if "definition" not in metadata:
        if like is None:
            raise _refuse(
                "like",
                "the file has weights alone, no `definition` as a file that was exported here; name a model with the same network",
            )
        return like["definition"], like["origin"]
    definition = _parse("definition", metadata["definition"])
    given = _parse("origin", metadata["origin"]) if "origin" in metadata else {}
    found = []
    for model, value, name in (
        (Origin, given, "origin"),
        (TrainingConfig, given.get("effective_spec"), "origin.effective_spec"),
    ):
        try:
            model.model_validate(value or {})
        except pydantic.ValidationError as error:
            found += violations(error, model, name)
    if found:
        raise errors.InvalidArgument(violations=found)
    return definition, given


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse(name, f"is no JSON: {str(error)[:100]}") from error
    if not isinstance(value, dict):
        raise _refuse(name, "must be an object")
    return value


def _take(file: Any, network: networks.Network) -> dict[str, npt.NDArray[Any]]:
    """The network's tensors, with its dtypes. Names, shapes and dtypes are compared before anything is read."""
    wanted, given = network.state_dict(), set(file.keys())
    _compare_names(set(wanted), given)
    found = []
    for name, tensor in wanted.items():
        shape = list(file.get_slice(name).get_shape())
        if shape != list(tensor.shape):
            found.append(errors.Violation(name, f"has shape {shape}; the network has {list(tensor.shape)}"))
    if found:
        raise errors.InvalidArgument(violations=found[:MAX_NAMED])
    return snapshots.to_arrays({name: _cast(name, file, tensor.dtype) for name, tensor in wanted.items()})


def _compare_names(wanted: set[str], given: set[str]) -> None:
    problems = [
        f"{words} {', '.join(sorted(names)[:MAX_NAMED])}{' ...' if len(names) > MAX_NAMED else ''}"
        for words, names in (("lacks", wanted - given), ("has, and the network has not,", given - wanted))
        if names
    ]
    if problems:
        raise _refuse("file", f"does not have the network's tensors: it {'; it '.join(problems)}")


def _cast(name: str, file: Any, dtype: torch.dtype) -> torch.Tensor:
    tensor: torch.Tensor = file.get_tensor(name)
    if tensor.is_floating_point() != dtype.is_floating_point or tensor.is_complex():
        given, known = file.get_slice(name).get_dtype(), str(dtype).removeprefix("torch.")
        raise _refuse(name, f"has numbers of type {given}; the network has {FORMAT_DTYPES[known]}")
    cast = tensor.to(dtype)
    if cast.is_floating_point() and not torch.isfinite(cast).all():
        raise _refuse(name, "has values that are NaN or infinite")
    return cast


def _try_out(definition: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]]) -> None:
    model = published.Published(definition, weights, torch.device("cpu"))
    try:
        answer = model.forward(torch.from_numpy(samples.draw(definition, 2))).numpy()
    except (RuntimeError, IndexError) as error:
        raise _refuse("file", f"makes a model that cannot compute: {str(error)[:200]}") from error
    if not np.isfinite(answer.astype(np.float64)).all():
        raise _refuse("file", "makes a model whose answers to sample inputs are NaN or infinite")


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(field, description)])

"""Definitions that come from outside: only what our own code could have written is taken.

See `domain.models.Publication.definition`. Nothing in one is code; but it decides how much memory a model takes and how its
answers are to be read, so everything is checked before the first number is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic

from bessemer_server.data import text
from bessemer_server.domain import errors, plans
from bessemer_server.layers import lists, networks
from bessemer_server.layers.options import Options, violations
from bessemer_server.training import published, signatures, token_ids
from bessemer_server.training.generative import sampling

MAX_LAYERS = 2000
MAX_VALUES = 1 << 27
"""Of one sample between two layers: 512 MiB."""
MAX_WORDS = 1_000_000
Side = Annotated[int, pydantic.Field(ge=1)]
Scale = Annotated[float, pydantic.Field(gt=0)]
Name = Annotated[str, pydantic.Field(min_length=1, max_length=1000)]


class Rescale(Options):
    """Raw values are divided by a number."""

    kind: Literal["rescale"]
    scale: Scale


class Standardize(Options):
    """From each feature its mean is taken, and it is divided by its deviation."""

    kind: Literal["standardize"]
    mean: list[float]
    deviation: list[Scale]


class Text(Options):
    """Words become token ids."""

    kind: Literal["text"]
    words: Annotated[list[str], pydantic.Field(max_length=MAX_WORDS)]
    length: Annotated[int, pydantic.Field(ge=1, le=10_000)]


class Definition(Options):
    """What a definition has."""

    kind: Literal["classifier", "generator"] = "classifier"
    layers: Annotated[list[Any], pydantic.Field(min_length=1, max_length=MAX_LAYERS)]
    preprocessing: Annotated[Rescale | Standardize | Text, pydantic.Field(discriminator="kind")]
    labels: list[Name] = []
    input_shape: Annotated[list[Side], pydantic.Field(min_length=1, max_length=3)]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]


def check(definition: Mapping[str, Any]) -> networks.Network:
    """Its network, without memory. Raises `errors.InvalidArgument` with the faults, below `definition`."""
    try:
        parsed = Definition.model_validate(definition)
    except pydantic.ValidationError as error:
        raise errors.InvalidArgument(violations=violations(error, Definition, "definition")) from error
    network = _build(parsed)
    faults = (
        _check_classifier(parsed, network)
        if parsed.kind == published.CLASSIFIER
        else _check_generator(parsed, network)
    )
    if faults:
        raise errors.InvalidArgument(
            violations=[errors.Violation(f"definition.{field}", text) for field, text in faults.items()]
        )
    return network


def _build(parsed: Definition) -> networks.Network:
    layers = lists.parse(parsed.layers, "definition.layers")
    if math.prod(parsed.input_shape) > MAX_VALUES:
        raise _refuse(
            "input_shape", f"has {math.prod(parsed.input_shape):,} values; at most {MAX_VALUES:,} are taken"
        )
    try:
        network = networks.build(layers, tuple(parsed.input_shape))
    except networks.ImpossibleLayer as error:
        raise _refuse(f"layers[{error.index}]", str(error)) from error
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        # Sizes that no memory has: torch says so in its own ways.
        raise _refuse("layers", f"cannot be built: {str(error)[:200]}") from error
    for index, shape in enumerate(network.output_shapes):
        if math.prod(shape) > MAX_VALUES:
            raise _refuse(
                f"layers[{index}]", f"gives {math.prod(shape):,} values; at most {MAX_VALUES:,} are taken"
            )
    return network


def _check_classifier(parsed: Definition, network: networks.Network) -> dict[str, str]:
    faults = _check_preprocessing(parsed)
    if len(set(parsed.labels)) != len(parsed.labels) or len(parsed.labels) < 2:
        faults["labels"] = f"must be two or more names, each once, but are {len(parsed.labels)}"
    elif fault := networks.end_fault(network, len(parsed.labels)):
        faults["layers"] = fault
    info = _describe(parsed, tuple(parsed.input_shape))
    faults |= {f"layers[{index}]": fault for index, fault in token_ids.find_faults(network.layers, info)}
    return faults | _check_signature(parsed, signatures.of(info))


def _check_generator(parsed: Definition, network: networks.Network) -> dict[str, str]:
    pictures = network.output_shapes[-1]
    if not isinstance(parsed.preprocessing, Rescale):
        return {"preprocessing": "must rescale pictures"}
    if len(parsed.input_shape) != 1 or len(pictures) != 3:
        return {
            "layers": f"must make pictures of a row of noise, but make {pictures} of {parsed.input_shape}"
        }
    return _check_signature(parsed, sampling.signature(_describe(parsed, pictures)))


def _check_preprocessing(parsed: Definition) -> dict[str, str]:
    axes = len(parsed.input_shape)
    match parsed.preprocessing:
        case Rescale() if axes != 3:
            return {"preprocessing": f"rescales pictures, but the input has {axes} axes"}
        case Text(length=length) if parsed.input_shape != [length]:
            return {
                "preprocessing": f"makes {length} token ids of a text, but the input is {parsed.input_shape}"
            }
        case Standardize(mean=mean, deviation=deviation) if [[len(mean)], [len(deviation)]] != [
            parsed.input_shape
        ] * 2:
            return {
                "preprocessing": f"has {len(mean)} means and {len(deviation)} deviations for {parsed.input_shape}"
            }
    return {}


def _check_signature(parsed: Definition, expected: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: f"must be {expected[name]}, but are {str(getattr(parsed, name))[:200]}"
        for name in ("inputs", "outputs")
        if getattr(parsed, name) != expected[name]
    }


def _describe(parsed: Definition, shape: tuple[int, ...]) -> plans.DatasetInfo:
    """The data set that it could have been trained on."""
    kinds = {Rescale: "image", Standardize: "table", Text: "text"}
    words = parsed.preprocessing.words if isinstance(parsed.preprocessing, Text) else None
    return plans.DatasetInfo(
        name="its input", description="", kind=kinds[type(parsed.preprocessing)], shape=shape, labels=tuple(parsed.labels),
        train_samples=0, test_samples=0, bundled=False, vocabulary=0 if words is None else text.FIRST_WORD + len(words),
    )  # fmt: skip


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(f"definition.{field}", description)])

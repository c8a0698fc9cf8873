"""Is a prediction request sound? Everything is checked against the signature before anything else sees the bytes.

Triton's order of checks and its texts, since clients and their users know them. Pure.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from bessemer_server.domain import errors, tensors
from bessemer_server.domain.models import Model, TensorSpec
from bessemer_server.serving import contents, pictures, texts, verdicts

MAX_BATCH = 4096
MAX_INPUTS = 64
"""Of a request: more than any model has. Those of one that has more are not looked at."""
MAX_OUTPUTS = 8
"""That a request may name, each in another form: what is asked for again and again would be built as many times."""

LOOKED_AT = frozenset({"FP32", "BYTES"})
"""Datatypes whose values are looked at, each of them."""
SLOW_BYTES = 256 << 10
"""More of them take milliseconds."""
SLICE = 16_384
"""Values that are looked at in one go."""


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """A tensor as the client stated it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes | memoryview | None
    """None where the values came typed."""
    typed: Mapping[str, Sequence[object]] = dataclasses.field(default_factory=dict)
    """Values by field of InferTensorContents, only those that are set."""
    is_shared: bool = False
    """Whether the raw bytes lay in shared memory, and not in the message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A prediction request, independent of the transport."""

    inputs: Sequence[Input]
    outputs: Sequence[str]
    """Names of the outputs asked for; empty for all."""
    raw_count: int
    """Raw tensors that came in the message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """An input that is sound in name, datatype and shape, whatever its values are."""

    name: str
    model: str
    spec: TensorSpec
    """Of what it came as."""
    shape: tuple[int, ...]
    size_bytes: int
    """That it must have; -1 for BYTES, which say it themselves."""
    is_picture: bool

    def read(self, data: bytes | memoryview) -> tensors.Tensor:
        """With these values. Raises `InvalidArgument`."""
        if self.size_bytes < 0:
            check_elements = texts.check_count if self.is_picture else texts.check
            check_elements(self.name, self.model, data, self.shape[0])
        elif len(data) != self.size_bytes:
            raise errors.InvalidArgument(
                f"input byte size mismatch for input '{self.name}' for model '{self.model}'. Expected {self.size_bytes}, got "
                f"{len(data)}"
            )
        elif self.spec.datatype == "FP32" and not self.is_picture:
            self._check_finite(data)
        return tensors.Tensor(self.spec.datatype, self.shape, data)

    def is_slow(self, count: int) -> bool:
        """Whether it takes long to `read` so many bytes."""
        return count > SLOW_BYTES and not self.is_picture and self.spec.datatype in LOOKED_AT

    def _check_finite(self, data: bytes | memoryview) -> None:
        """NaN and infinity are refused here, by their row: in a batch they would spoil what others get."""
        values = memoryview(data).cast("f")
        # As float64: finite float32 values do not sum to infinity. By slices, since others can go on between two of them.
        starts = range(0, len(values), SLICE)
        if all(math.isfinite(sum(values[start : start + SLICE])) for start in starts):
            return
        row = next(i for i, value in enumerate(values) if not math.isfinite(value)) // math.prod(
            self.shape[1:]
        )
        raise errors.InvalidArgument(
            f"inference input '{self.name}' for model '{self.model}' must be finite, but row {row} has NaN or infinity"
        )


def plan(request: Request, model: Model) -> Sequence[Planned]:
    """The inputs, sound in all but their values: another request of the same form needs no other look. Raises `InvalidArgument`."""
    _check_raw(request, model)
    check_counts(len(request.inputs), len(request.outputs), model)
    _check_outputs(request, model)
    specs = {spec.name: spec for spec in model.inputs}
    _check_names(request, model, specs)
    found = [_plan_tensor(tensor, specs[tensor.name], model) for tensor in request.inputs]
    rows = {planned.shape[0] for planned in found}
    if len(rows) > 1:
        raise errors.InvalidArgument(
            f"input batch sizes do not match each other for '{model.name}': {sorted(rows)}"
        )
    return found


def read(request: Request, planned: Sequence[Planned], model: Model) -> dict[str, tensors.Tensor]:
    """The inputs by name, sound in byte count and values too. Takes a tenth of a second for a MiB or two of typed ones. Raises
    `InvalidArgument`.
    """
    return {
        one.name: one.read(tensor.raw if tensor.raw is not None else _pack(tensor, model))
        for one, tensor in zip(planned, request.inputs, strict=True)
    }


def are_slow(request: Request, planned: Sequence[Planned]) -> bool:
    """Whether it takes long to `read` them, raw as they are."""
    raw = ((one, tensor.raw) for one, tensor in zip(planned, request.inputs, strict=True))
    return any(data is not None and one.is_slow(len(data)) for one, data in raw)


def check_counts(inputs: int, outputs: int, model: Model) -> None:
    """Raise `InvalidArgument` for so many tensors that to look at each would keep others waiting."""
    if inputs > MAX_INPUTS:
        raise errors.InvalidArgument(
            f"expected {len(model.inputs)} inputs but got {inputs} inputs for model '{model.name}', and no model has more than "
            f"{MAX_INPUTS}"
        )
    if outputs > MAX_OUTPUTS:
        raise errors.InvalidArgument(
            f"{outputs:,} outputs are asked for of model '{model.name}', but no request may name more than {MAX_OUTPUTS}"
        )


def _check_raw(request: Request, model: Model) -> None:
    for tensor in request.inputs:
        if tensor.is_shared and tensor.typed:
            raise errors.InvalidArgument(
                f"unexpected contents provided when using shared memory for input tensor '{tensor.name}' for model '{model.name}'"
            )
    if not request.raw_count:
        return
    sent = [tensor for tensor in request.inputs if not tensor.is_shared]
    for tensor in sent:
        if tensor.typed:
            raise errors.InvalidArgument(
                f"contents field must not be specified when using raw_input_contents for '{tensor.name}' for model "
                f"'{model.name}'"
            )
    if request.raw_count != len(sent):
        raise errors.InvalidArgument(
            f"the number of inputs ({len(sent)}) does not match the number of raw input contents "
            f"({request.raw_count}) for model '{model.name}'"
        )


def _check_outputs(request: Request, model: Model) -> None:
    if not request.outputs:
        return
    known = {spec.name for spec in (*model.outputs, *verdicts.specs(model))}
    for name in request.outputs:
        if name not in known:
            raise errors.InvalidArgument(
                f"unexpected inference output '{name}' for model '{model.name}'; {errors.suggest(name, known)}"
            )


def _check_names(request: Request, model: Model, specs: Mapping[str, TensorSpec]) -> None:
    names = [tensor.name for tensor in request.inputs]
    for position, name in enumerate(names):
        if name not in specs:
            raise errors.InvalidArgument(
                f"unexpected inference input '{name}' for model '{model.name}'; {errors.suggest(name, specs)}"
            )
        if name in names[:position]:
            raise errors.InvalidArgument(f"input '{name}' already exists in request")
    if missing := [name for name in specs if name not in names]:
        raise errors.InvalidArgument(
            f"expected {len(specs)} inputs but got {len(names)} inputs for model '{model.name}'. Got input(s) {names}, "
            f"but missing required input(s) {missing}. Please provide all required input(s)."
        )


def _plan_tensor(tensor: Input, spec: TensorSpec, model: Model) -> Planned:
    is_picture = pictures.is_picture(spec)
    is_other = is_picture and (tensor.datatype, tensor.shape[1:]) != (spec.datatype, spec.shape[1:])
    if is_other:
        spec = _other_form(tensor, spec)
    if tensor.datatype != spec.datatype:
        raise errors.InvalidArgument(
            f"inference input '{tensor.name}' data-type is '{tensor.datatype}', but model '{model.name}' expects "
            f"'{spec.datatype}'"
        )
    _check_shape(tensor, spec, model)
    if (
        is_other and spec.datatype != "BYTES" and tensor.raw is None
    ):  # raw ones cost nothing until they are fit
        pictures.check_size(math.prod(tensor.shape[:-1]), model.name)
    size_bytes = -1 if spec.datatype == "BYTES" else tensors.size_bytes(spec.datatype, tensor.shape)
    return Planned(tensor.name, model.name, spec, tensor.shape, size_bytes, is_picture)


def _other_form(tensor: Input, spec: TensorSpec) -> TensorSpec:
    """What a picture may come as beside the signature's own form: files, or pixels of another size, grey or in colour, UINT8 or
    FP32.
    """
    if tensor.datatype == "BYTES":
        return TensorSpec(spec.name, "BYTES", (-1,))
    datatype = tensor.datatype if tensor.datatype in pictures.PIXELS else spec.datatype
    has_pixels = len(tensor.shape) == pictures.RANK and min(tensor.shape) > 0
    if has_pixels and tensor.shape[-1] in pictures.CHANNELS:
        return TensorSpec(spec.name, datatype, (-1, *tensor.shape[1:]))
    return TensorSpec(spec.name, datatype, spec.shape)


def _check_shape(tensor: Input, spec: TensorSpec, model: Model) -> None:
    shape = list(tensor.shape)
    if any(size < 0 for size in shape):
        raise errors.InvalidArgument(
            f"All input dimensions should be specified for input '{tensor.name}' for model '{model.name}', got {shape}"
        )
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, got) for want, got in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise errors.InvalidArgument(
            f"unexpected shape for input '{tensor.name}' for model '{model.name}'. Expected {list(spec.shape)}, got "
            f"{shape}"
        )
    if not 1 <= shape[0] <= MAX_BATCH:
        raise errors.InvalidArgument(
            f"inference request batch-size must be from 1 to {MAX_BATCH} for '{model.name}', got {shape[0]} for input "
            f"'{tensor.name}'"
        )


def _pack(tensor: Input, model: Model) -> bytes:
    if not tensor.typed:
        raise errors.InvalidArgument(
            f"unable to find data for input tensor '{tensor.name}' for model '{model.name}' in request."
        )
    return contents.pack(tensor.name, model.name, tensor.datatype, tensor.typed, math.prod(tensor.shape))

"""Pictures in other forms than a model's own, made into it before they meet a batch (`preparing`): files, other sizes, grey for
colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from bessemer_server.domain import errors, tensors
from bessemer_server.domain.models import Model, TensorSpec

RANK = 4
CHANNELS = (1, 3)
PIXELS = ("UINT8", "FP32")
MAX_PIXELS = 256_000_000
"""Of all pictures of one request together."""
MAX_TOLD = 5

Tensors = Mapping[str, tensors.Tensor]


def is_picture(spec: TensorSpec) -> bool:
    """Whether an input takes pictures, [N, H, W, C], that files can hold."""
    return spec.datatype == "UINT8" and len(spec.shape) == RANK and spec.shape[-1] in CHANNELS


def has_form(tensor: tensors.Tensor, spec: TensorSpec) -> bool:
    """Whether it is as the signature says."""
    return tensor.datatype == spec.datatype and tensor.shape[1:] == spec.shape[1:]


def are_fit(inputs: Tensors, model: Model) -> bool:
    """Whether they are in the model's own form."""
    return all(has_form(inputs[spec.name], spec) for spec in model.inputs)


def fit(inputs: Tensors, model: Model) -> Tensors:
    """The inputs in the model's own form: each picture scaled to fill it (bilinear), its centre kept, as uploads are. Takes
    milliseconds for each. Raises `InvalidArgument` with the rows that are no pictures.
    """
    return {
        spec.name: tensor if has_form(tensor := inputs[spec.name], spec) else _fit(tensor, spec, model.name)
        for spec in model.inputs
    }


def _fit(tensor: tensors.Tensor, spec: TensorSpec, model: str) -> tensors.Tensor:
    import numpy as np  # with Pillow, 30 MB that a server without pictures does not need

    from bessemer_server.data import pictures

    pixels = np.zeros((tensor.rows, *spec.shape[1:]), np.uint8)
    outcomes: list[object]
    if tensor.datatype == "BYTES":
        files = list(tensors.unpack_elements(tensor.data))
        looks = [pictures.attempt(pictures.look, file) for file in files]
        _check_size(sum(look.height * look.width for look in looks if isinstance(look, pictures.Look)), model)
        outcomes = [
            look if isinstance(look, pictures.Faulty) else pictures.attempt(pictures.decode, file, target)
            for file, look, target in zip(files, looks, pixels, strict=True)
        ]
    else:
        _check_size(math.prod(tensor.shape[:-1]), model)
        given = np.frombuffer(tensor.data, tensors.NUMPY_NAMES[tensor.datatype]).reshape(tensor.shape)
        place = pictures.scale if tensor.datatype == "UINT8" else pictures.round_off
        outcomes = [pictures.attempt(place, each, target) for each, target in zip(given, pixels, strict=True)]
    faults = {row: fault for row, fault in enumerate(outcomes) if isinstance(fault, pictures.Faulty)}
    if faults:
        told = "; ".join(f"row {row} {fault}" for row, fault in list(faults.items())[:MAX_TOLD])
        more = f"; {len(faults) - MAX_TOLD} more" if len(faults) > MAX_TOLD else ""
        raise errors.InvalidArgument(f"input '{spec.name}' for model '{model}': {told}{more}")
    return tensors.Tensor(spec.datatype, pixels.shape, pixels.data.cast("B"))


def _check_size(pixels: int, model: str) -> None:
    if pixels > MAX_PIXELS:
        raise errors.InvalidArgument(
            f"the pictures of one request for model '{model}' have {pixels:,} pixels together, but at most {MAX_PIXELS:,} are "
            "taken; send fewer or smaller ones"
        )

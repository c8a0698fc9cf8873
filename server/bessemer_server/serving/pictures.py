"""Pictures in other forms than a model's own, made into it before they meet a batch (`preparing`): files, other sizes, grey for
colour.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bessemer_server.domain import errors, tensors
from bessemer_server.domain.models import Model, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RANK = 4
CHANNELS = (1, 3)
PIXELS = ("UINT8", "FP32")
MAX_PIXELS = 256_000_000
"""Of all pictures of one request together."""
MAX_FIT_BYTES = 256 << 20
"""Of one request in the model's own form, as of a message: a small picture may become a large one."""
MAX_HELD_BYTES = 1 << 30
"""Of all requests together, until each is answered."""
MAX_TOLD = 5

Tensors = Mapping[str, tensors.Tensor]


class Room:
    """Memory for pictures that were made fit, which is free again when nobody has them any more. Threads share it."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._changing = threading.Lock()
        self._freed: deque[int] = deque()
        """Counted at the next request: arrays go at any moment, also while the lock is held."""

    def make(self, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """An empty array. Raises `ResourceExhausted` where there is no room for it."""
        import numpy as np

        size_bytes = math.prod(shape)
        with self._changing:
            while self._freed:
                self._left_bytes += self._freed.popleft()
            if size_bytes > self._left_bytes:
                raise errors.ResourceExhausted(
                    "too many pictures that had to be scaled wait for a prediction already; try again later",
                    reason="QUEUE_FULL",
                )
            self._left_bytes -= size_bytes
        made = np.zeros(shape, np.uint8)
        weakref.finalize(made, self._freed.append, size_bytes).atexit = False
        return made


SHARED = Room(MAX_HELD_BYTES)
"""Of this process."""


def is_picture(spec: TensorSpec) -> bool:
    """Whether an input takes pictures, [N, H, W, C], that files can hold."""
    return spec.datatype == "UINT8" and len(spec.shape) == RANK and spec.shape[-1] in CHANNELS


def has_form(tensor: tensors.Tensor, spec: TensorSpec) -> bool:
    """Whether it is as the signature says."""
    return tensor.datatype == spec.datatype and tensor.shape[1:] == spec.shape[1:]


def are_fit(inputs: Tensors, model: Model) -> bool:
    """Whether they are in the model's own form."""
    return all(has_form(inputs[spec.name], spec) for spec in model.inputs)


def fit(inputs: Tensors, model: Model, room: Room = SHARED) -> Tensors:
    """The inputs in the model's own form: each picture scaled to fill it (bilinear), its centre kept, as uploads are. Takes
    milliseconds for each. Raises `InvalidArgument` with the rows that are no pictures, or for too many of them,
    `ResourceExhausted`.
    """
    others = [spec for spec in model.inputs if not has_form(inputs[spec.name], spec)]
    rows = max((inputs[spec.name].rows for spec in others), default=0)
    _check_rows(rows, sum(math.prod(spec.shape[1:]) for spec in others), model.name)
    return {
        spec.name: _fit(inputs[spec.name], spec, model.name, room) if spec in others else inputs[spec.name]
        for spec in model.inputs
    }


def _fit(tensor: tensors.Tensor, spec: TensorSpec, model: str, room: Room) -> tensors.Tensor:
    import numpy as np  # with Pillow, 30 MB that a server without pictures does not need

    from bessemer_server.data import pictures

    pixels = room.make((tensor.rows, *spec.shape[1:]))
    outcomes: list[object]
    if tensor.datatype == "BYTES":
        files = list(tensors.unpack_elements(tensor.data))
        looks = [pictures.attempt(pictures.look, file) for file in files]
        check_size(sum(look.height * look.width for look in looks if isinstance(look, pictures.Look)), model)
        outcomes = [
            look if isinstance(look, pictures.Faulty) else pictures.attempt(pictures.decode, file, target)
            for file, look, target in zip(files, looks, pixels, strict=True)
        ]
    else:
        check_size(math.prod(tensor.shape[:-1]), model)
        given = np.frombuffer(tensor.data, tensors.NUMPY_NAMES[tensor.datatype]).reshape(tensor.shape)
        place = pictures.scale if tensor.datatype == "UINT8" else pictures.round_off
        outcomes = [pictures.attempt(place, each, target) for each, target in zip(given, pixels, strict=True)]
    faults = {row: fault for row, fault in enumerate(outcomes) if isinstance(fault, pictures.Faulty)}
    if faults:
        told = "; ".join(f"row {row} {fault}" for row, fault in list(faults.items())[:MAX_TOLD])
        more = f"; {len(faults) - MAX_TOLD} more" if len(faults) > MAX_TOLD else ""
        raise errors.InvalidArgument(f"input '{spec.name}' for model '{model}': {told}{more}")
    return tensors.Tensor(spec.datatype, pixels.shape, pixels.data.cast("B"))


def _check_rows(rows: int, row_bytes: int, model: str) -> None:
    """Before memory is taken for them."""
    most = max(1, MAX_FIT_BYTES // row_bytes) if row_bytes else rows
    if rows > most:
        raise errors.InvalidArgument(
            f"{rows:,} pictures for model '{model}' have {rows * row_bytes:,} bytes when they are scaled to its size, but at most "
            f"{MAX_FIT_BYTES:,} are taken; send at most {most:,} at once"
        )


def check_size(pixels: int, model: str) -> None:
    """Raise `InvalidArgument` for too many pixels in one request."""
    if pixels > MAX_PIXELS:
        raise errors.InvalidArgument(
            f"the pictures of one request for model '{model}' have {pixels:,} pixels together, but at most {MAX_PIXELS:,} are "
            "taken; send fewer or smaller ones"
        )

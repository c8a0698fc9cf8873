"""What users hold (arrays, lists, images, files, strings) to the tensor that a model takes.

Shapes: N batch, H height, W width, C channels, F features. A sample without its batch, and a grey image without its
channel, get the missing axis.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer import pictures, texts

Array = npt.NDArray[Any]
PREFERRED_BYTES = 4 * 1024 * 1024
"""Size of one request: larger inputs go in several."""


def prepare(inputs: Any, datatype: str, shape: Sequence[int]) -> Array:
    """The tensor [N, ...] for a signature such as UINT8 [-1, 28, 28, 1]; texts are strings of dtype object.

    Raises `InvalidArgument`.
    """
    if datatype == "BYTES":
        return texts.prepare(inputs)
    if datatype == "UINT8":
        return _to_pixels(_fit_image(_to_array(_load(inputs, shape[-1])), tuple(shape[1:])))
    if _is_picture(inputs):
        raise pictures.refuse(
            f"the model takes {shape[-1]} features, shape [N, {shape[-1]}], not pictures or files"
        )
    return _to_floats(_fit_table(_to_array(inputs), tuple(shape[1:])))


def encode(array: Array) -> bytes:
    """The bytes of a tensor from `prepare`, as the Open Inference Protocol wants them."""
    return texts.encode(array) if array.dtype == object else array.tobytes()


def split(array: Array) -> list[Array]:
    """Runs of samples of about `PREFERRED_BYTES`, at most 4096 samples each."""
    if array.dtype == object:
        return texts.split(array, PREFERRED_BYTES)
    rows = max(1, min(4096, PREFERRED_BYTES // max(1, array[0].nbytes)))
    return [array[start : start + rows] for start in range(0, len(array), rows)]


def _load(inputs: Any, channels: int) -> Any:
    """Decode what names or holds an image file; anything else is left as it is."""
    if _is_picture(inputs):
        return pictures.decode(inputs, channels)
    if isinstance(inputs, list | tuple) and inputs and all(map(_is_picture, inputs)):
        return [pictures.decode(item, channels) for item in inputs]
    return inputs


def _is_picture(value: Any) -> bool:
    return isinstance(value, str | os.PathLike | bytes) or pictures.is_picture(value)


def _to_array(inputs: Any) -> Array:
    try:
        array = np.asarray(inputs)
    except ValueError:
        raise pictures.refuse(
            "the samples differ in shape; give samples of one shape, or predict one by one"
        ) from None
    if array.dtype.kind not in "buif":
        held = {"U": "strings", "S": "bytes", "O": "other objects"}.get(array.dtype.kind, array.dtype.name)
        raise pictures.refuse(f"must be numbers, but holds {held}")
    return array


def _fit_image(array: Array, wanted: tuple[int, ...]) -> Array:
    height, width, channels = wanted
    given = list(array.shape)
    if channels == 1 and array.shape[-2:] == (height, width) and array.ndim in (2, 3):
        array = array[..., np.newaxis]
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[1:] != wanted or not len(array):
        forms = [f"[N, {height}, {width}, {channels}]", f"[{height}, {width}, {channels}]"]
        if channels == 1:
            forms += [f"[N, {height}, {width}]", f"[{height}, {width}]"]
        raise pictures.refuse(f"the model takes images of shape {' or '.join(forms)}, but this has {given}")
    return array


def _to_pixels(array: Array) -> Array:
    if array.dtype != np.uint8:
        if array.dtype.kind == "f" and not np.array_equal(
            array, np.round(array)
        ):  # nor is NaN equal to itself
            raise pictures.refuse(
                "the model takes raw pixels, whole numbers from 0 to 255 as in its data set, and scales them itself; "
                "this holds fractions"
            )
        if array.min() < 0 or array.max() > 255:
            raise pictures.refuse(
                f"pixels must be from 0 to 255, but are from {array.min()} to {array.max()}"
            )
    return np.ascontiguousarray(array, dtype=np.uint8)


def _fit_table(array: Array, wanted: tuple[int, ...]) -> Array:
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1:] != wanted or not len(array):
        features = wanted[0]
        raise pictures.refuse(
            f"the model takes {features} features, shape [N, {features}] or [{features}], but this has "
            f"{list(array.shape)}"
        )
    return array


def _to_floats(array: Array) -> Array:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        floats = np.ascontiguousarray(array, dtype=np.float32)
    if not (finite := np.isfinite(floats)).all():
        row, feature = np.argwhere(~finite)[0]
        raise pictures.refuse(
            f"features must be finite 32-bit numbers, but sample {row} has {array[row, feature]} as feature {feature}"
        )
    return floats

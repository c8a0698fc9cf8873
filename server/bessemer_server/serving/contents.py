"""Typed tensor contents of the Open Inference Protocol, to raw bytes and back."""

from __future__ import annotations

import array
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bessemer_server.domain import errors, tensors

FIELDS = {
    "BOOL": ("bool_contents", "B"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
    "BYTES": ("bytes_contents", ""),
}
"""Field of InferTensorContents, and code of `array.array` for numbers, for each datatype that can come typed."""
PIECE = 4096
"""Values that are converted in one go: meanwhile no other thread runs."""


def pack(name: str, model: str, datatype: str, typed: Mapping[str, Sequence[Any]], count: int) -> bytes:
    """The values as little-endian bytes. Raises `InvalidArgument` for another field, other than `count` values, or a value out
    of range.
    """
    try:
        return _pack(name, model, datatype, typed, count)
    except OverflowError as error:
        raise errors.InvalidArgument(
            f"a value of input tensor '{name}' for model '{model}' does not fit {datatype}: {error}"
        ) from error


def _pack(name: str, model: str, datatype: str, typed: Mapping[str, Sequence[Any]], count: int) -> bytes:
    field, code = FIELDS.get(datatype, ("", ""))
    if set(typed) != {field}:
        others = ", ".join(sorted(set(typed) - {field}))
        raise errors.InvalidArgument(
            f"unexpected explicit tensor data ({others}) for input tensor '{name}' for model '{model}' of type "
            f"'{datatype}', expected {field or 'raw contents'}"
        )
    _check_count(name, model, datatype, len(typed[field]), count)
    if datatype == "BYTES":
        return tensors.pack_elements(typed[field])
    values = _convert(code, typed[field])
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _convert(code: str, values: Sequence[Any]) -> array.array[Any]:
    made = array.array(code)
    for start in range(0, len(values), PIECE):
        made.extend(array.array(code, values[start : start + PIECE]))
    return made


def _check_count(name: str, model: str, datatype: str, got: int, count: int) -> None:
    """Before work is done for each value."""
    if got == count:
        return
    if datatype == "BYTES":
        raise errors.InvalidArgument(
            f"expected {count} string elements for inference input '{name}' for model '{model}', got {got}"
        )
    size = tensors.ITEM_BYTES[datatype]
    raise errors.InvalidArgument(
        f"input byte size mismatch for input '{name}' for model '{model}'. Expected {count * size}, got {got * size}"
    )


def unpack(tensor: tensors.Tensor) -> tuple[str, Sequence[Any]] | None:
    """Field and values of a tensor as it goes typed; None for a datatype that only goes raw."""
    if tensor.datatype not in FIELDS:
        return None
    field, code = FIELDS[tensor.datatype]
    if tensor.datatype == "BYTES":
        return field, list(tensors.unpack_elements(tensor.data))
    values = array.array(code, bytes(tensor.data))
    if sys.byteorder == "big":
        values.byteswap()
    return field, values

"""Strings to the tensor that a text model takes."""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer import pictures

MAX_TEXTS = 4096
"""Texts of one request."""


def prepare(inputs: Any) -> npt.NDArray[Any]:
    """Strings [N] of dtype object, from a string or strings. Raises `InvalidArgument`."""
    plain = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs
    found = [plain] if isinstance(plain, str) else _to_list(plain)
    for index, text in enumerate(found):
        if not isinstance(text, str):
            raise pictures.refuse(
                f"the model takes strings, but text {index} is {type(text).__name__}: {text!r:.60}"
            )
        if not text.strip():
            raise pictures.refuse(f"text {index} is empty; give at least one word")
        if not _is_unicode(text):
            raise pictures.refuse(f"text {index} has half a surrogate pair, which is no character")
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def encode(array: npt.NDArray[Any]) -> bytes:
    """Each text as its length in four bytes, little-endian, and its UTF-8."""
    encoded = [text.encode() for text in array]
    return b"".join(part for text in encoded for part in (struct.pack("<I", len(text)), text))


def split(array: npt.NDArray[Any], preferred_bytes: int) -> list[npt.NDArray[Any]]:
    """Runs of texts of about `preferred_bytes` at most, or of one text that is longer."""
    starts, size = [0], 0
    for index, text in enumerate(array):
        size += len(text.encode()) + 4
        if index > starts[-1] and (size > preferred_bytes or index - starts[-1] == MAX_TEXTS):
            starts.append(index)
            size = len(text.encode()) + 4
    return np.split(array, starts[1:])


def _to_list(inputs: Any) -> list[Any]:
    if isinstance(inputs, list | tuple) and inputs:
        return list(inputs)
    if isinstance(inputs, bytes | os.PathLike):
        raise pictures.refuse("the model takes strings, not files or bytes; read and decode them first")
    raise pictures.refuse(f"the model takes a string or a list of strings, but this is {inputs!r:.60}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""ONNX Runtime by itself: no protocol, no queue and no other process."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import onnxruntime


def open_engine(file: pathlib.Path, threads: int) -> Callable[[npt.NDArray[Any]], object]:
    """Runs the file's network, whose input is `image`, on a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"image": pixels})

"""Small pictures for tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def encode(
    height: int = 8, width: int = 8, *, mode: str = "RGB", value: int = 7, format: str = "PNG"
) -> bytes:
    """The bytes of a picture file with some structure."""
    pixels = (np.arange(height * width).reshape(height, width) * value % 256).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format)
    return file.getvalue()

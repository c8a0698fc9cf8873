"""Windows that slide over images, in convolution and pooling: their options, padding and output size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pydantic

from bessemer_server.layers import kinds, options, shapes

LARGEST = 256
Padding = Literal["valid", "same"]


def _parse(value: Any) -> tuple[int, int]:
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(type(side) is int and 1 <= side <= LARGEST for side in pair):
        raise ValueError(
            f"must be an integer from 1 to {LARGEST}, or a pair [height, width] of them, "
            f"but is {options.show(value)}"
        )
    return pair[0], pair[1]


_SIDE = {"type": "integer", "minimum": 1, "maximum": LARGEST}
Size = Annotated[
    tuple[int, int],
    pydantic.BeforeValidator(_parse),
    pydantic.WithJsonSchema(
        {"anyOf": [_SIDE, {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2}]}
    ),
]
"""(height, width) in pixels; one integer means a square."""


def show(size: Sequence[int]) -> str:
    """`3×3`."""
    return "×".join(map(str, size))


def count(side: int, window: int, stride: int, padding: Padding) -> int:
    """Windows along one side; 0 or less when none fits. As in Keras."""
    return -(-side // stride) if padding == "same" else (side - window) // stride + 1


def pad(side: int, window: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Pixels to add before and after; with an odd number the later side gets one more. As in Keras."""
    if padding == "valid":
        return 0, 0
    total = max((count(side, window, stride, padding) - 1) * stride + window - side, 0)
    return total // 2, total - total // 2


def slide(
    noun: str, input_shape: kinds.Shape, window: Sequence[int], stride: Sequence[int], padding: Padding
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Output (height, width), and padding (left, right, top, bottom) as `torch.nn.functional.pad` takes it.

    Raises `LayerError` when the input is no image or the window does not fit; `noun` is the window's name
    there.
    """
    shapes.need_image(input_shape)
    sides = input_shape[:2]
    if padding == "valid" and any(w > s for w, s in zip(window, sides, strict=True)):
        raise kinds.LayerError(
            f"the {show(window)} {noun} is larger than the {show(sides)} image: "
            f'use a smaller one, padding "same", or fewer layers that shrink the image before it'
        )
    height, width = (count(*args, padding) for args in zip(sides, window, stride, strict=True))
    vertical, horizontal = (pad(*args, padding) for args in zip(sides, window, stride, strict=True))
    return (height, width), (*horizontal, *vertical)

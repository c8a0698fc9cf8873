"""Are the strings of a prediction request sound? Triton's texts where it has one. Pure."""

from __future__ import annotations

import itertools

from bessemer_server.domain import errors, tensors


def check(name: str, model: str, data: bytes | memoryview, count: int) -> None:
    """`count` elements of BYTES, each of them UTF-8 and not blank. Raises `InvalidArgument` with the index."""
    for index, element in enumerate(check_count(name, model, data, count)):
        if fault := _fault(element):
            raise errors.InvalidArgument(f"element {index} of input '{name}' for model '{model}' {fault}")


def check_count(name: str, model: str, data: bytes | memoryview, count: int) -> list[bytes]:
    """The elements of BYTES. Raises `InvalidArgument` unless there are `count`, and nothing else."""
    try:
        # One more than there should be tells enough: millions of empty ones fit into a request.
        elements = list(itertools.islice(tensors.unpack_elements(data), count + 1))
    except ValueError as error:
        raise errors.InvalidArgument(f"{error} for inference input '{name}' for model '{model}'") from error
    if len(elements) != count:
        got = "more" if len(elements) > count else len(elements)
        raise errors.InvalidArgument(
            f"expected {count} string elements for inference input '{name}' for model '{model}', got {got}"
        )
    return elements


def _fault(element: bytes) -> str | None:
    try:
        text = element.decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8: {error.reason} at byte {error.start}"
    return None if text.strip() else "is an empty text; give at least one word"

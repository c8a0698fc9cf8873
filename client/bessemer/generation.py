"""Asking a generator for pictures: requests and answers. Pure, no I/O.

Shapes: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bessemer import errors
from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import jobs_pb2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

INPUTS = ("count", "seed")
"""Names in the signature of a generator."""
MAX_COUNT = 1024
INT64 = 2**63 - 1


def is_generator(names: Iterable[str]) -> bool:
    """Whether a model whose inputs have these names makes pictures."""
    return tuple(names) == INPUTS


def build_request(name: str, version: str, count: int, seed: int) -> inference_pb2.ModelInferRequest:
    """The request for `count` pictures. Raises `InvalidArgument`."""
    found = []
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
        found.append(errors.Violation("n", f"must be an integer from 1 to {MAX_COUNT:,}, but is {count!r}"))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= INT64:
        found.append(errors.Violation("seed", f"must be an integer from 0 to 2**63 - 1, but is {seed!r}"))
    if found:
        raise errors.InvalidArgument(violations=tuple(found))
    request = inference_pb2.ModelInferRequest(
        model_name=name,
        model_version=version,
        raw_input_contents=[count.to_bytes(4, "little"), seed.to_bytes(8, "little")],
    )
    request.inputs.add(name="count", datatype="INT32", shape=[1])
    request.inputs.add(name="seed", datatype="INT64", shape=[1])
    return request


def parse(response: inference_pb2.ModelInferResponse) -> npt.NDArray[np.uint8]:
    """Pictures [N, H, W, C]."""
    import numpy as np

    pictures = np.frombuffer(response.raw_output_contents[0], np.uint8)
    return pictures.reshape(response.outputs[0].shape).copy()


def build_pictures_request(job_id: str, epoch: int | None) -> jobs_pb2.GetPicturesRequest:
    """The request for what was drawn at the end of `epoch`; None: the newest. Raises `InvalidArgument`."""
    if epoch is not None and (
        isinstance(epoch, bool) or not isinstance(epoch, int) or not 1 <= epoch < 2**31
    ):
        violation = errors.Violation("epoch", f"must be an integer from 1, but is {epoch!r}")
        raise errors.InvalidArgument(violations=(violation,))
    return jobs_pb2.GetPicturesRequest(id=job_id, epoch=epoch or 0)


def parse_pictures(message: jobs_pb2.Pictures) -> npt.NDArray[np.uint8]:
    """Pictures [N, H, W, C]."""
    import numpy as np

    return np.frombuffer(message.data, np.uint8).reshape(message.shape).copy()


def arrange(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """One picture [rows·H, columns·W, C] of all [N, H, W, C], in rows of about as many as there are rows.

    Stretched so that the brightest pixel is 255: data sets differ in what white is.
    """
    import math

    import numpy as np

    count, height, width, channels = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * columns, height, width, channels), np.uint8)
    grid[:count] = np.round(pictures * (255 / max(1, int(pictures.max()))))
    grid = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)

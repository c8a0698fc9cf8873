"""The models that are attacked: one of each kind, learnt by the service, with sound requests and what they must be answered."""

from __future__ import annotations

import dataclasses
import io
import pathlib
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb

Array = npt.NDArray[Any]
WORDS = ("great", "awful", "odd", "calm")
LAYERS = [
    {"embedding": {"vocabulary": 20, "units": 6}},
    "global_average_pool1d",
    {"dense": {"units": len(WORDS), "activation": "softmax"}},
]


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """A tensor of a sound request."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """A model of the service."""

    model: str
    draw: Callable[[random.Random], list[Input]]
    """The inputs of one row; of a generator, of two pictures."""
    is_batched: bool = True

    @property
    def output(self) -> str:
        """Name of its answer."""
        return "probabilities" if self.is_batched else "images"


def make_request(model: str, inputs: Sequence[Input], request_id: str = "") -> pb.ModelInferRequest:
    """With raw contents."""
    request = pb.ModelInferRequest(model_name=model, id=request_id)
    for each in inputs:
        request.inputs.add(name=each.name, datatype=each.datatype, shape=each.shape)
        request.raw_input_contents.append(each.raw)
    return request


def join(rows: Sequence[Sequence[Input]]) -> list[Input]:
    """The inputs of a request with all of these rows."""
    return [
        dataclasses.replace(
            parts[0], shape=(len(parts), *parts[0].shape[1:]), raw=b"".join(part.raw for part in parts)
        )
        for parts in zip(*rows, strict=True)
    ]


def read(response: pb.ModelInferResponse) -> Array:
    """Its one output."""
    dtype = np.float32 if response.outputs[0].datatype == "FP32" else np.uint8
    return np.frombuffer(response.raw_output_contents[0], dtype).reshape(response.outputs[0].shape)


def pack(*elements: bytes) -> bytes:
    """As BYTES lie in a tensor."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def draw_features(draw: random.Random) -> list[Input]:
    """A table's."""
    return [Input("features", "FP32", (1, 4), struct.pack("<4f", *(draw.uniform(-9, 9) for _ in range(4))))]


def draw_pixels(draw: random.Random) -> list[Input]:
    """A picture in its model's own form."""
    return [Input("image", "UINT8", (1, 8, 8, 1), bytes(draw.choices((0, 1, 8, 15, 16), k=64)))]


def draw_file(draw: random.Random) -> list[Input]:
    """A picture as a file, sometimes in colour."""
    pixels = np.frombuffer(draw_pixels(draw)[0].raw, np.uint8).reshape(8, 8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(draw.choice(("L", "RGB"))).save(file, "PNG")
    return [Input("image", "BYTES", (1,), pack(file.getvalue()))]


def draw_text(draw: random.Random) -> list[Input]:
    """Words, in another order and number each time."""
    words = draw.choices((*WORDS, "the", "film", "Never"), k=draw.randint(2, 8))
    return [Input("text", "BYTES", (1,), pack(" ".join(words).encode()))]


def draw_seed(draw: random.Random) -> list[Input]:
    """Two pictures of a generator."""
    seed = struct.pack("<q", draw.getrandbits(32))
    return [Input("count", "INT32", (1,), struct.pack("<i", 2)), Input("seed", "INT64", (1,), seed)]


TABLE = Subject("hostile-table", draw_features)
IMAGE = Subject("hostile-image", draw_pixels)
FILES = Subject("hostile-image", draw_file)
TEXT = Subject("hostile-text", draw_text)
GENERATOR = Subject("hostile-generator", draw_seed, is_batched=False)
SUBJECTS = (TABLE, IMAGE, FILES, TEXT, GENERATOR)


def learn(client: bessemer.Client, folder: pathlib.Path) -> None:
    """Publish them all; an empty folder takes the texts."""
    for word in WORDS:
        (folder / word).mkdir()
        for n in range(8):
            (folder / word / f"{n}.txt").write_text(f"{' '.join([word] * (1 + n % 3))} the film")
    client.datasets.upload("hostile-texts", folder)
    jobs = [
        client.train("mlp", dataset="iris", name=TABLE.model, epochs=20),
        client.train("mlp", dataset="digits", name=IMAGE.model, epochs=2),
        client.train(
            "sequential", dataset="hostile-texts", name=TEXT.model, epochs=20, batch_size=8,
            options={"layers": LAYERS}, text={"vocabulary": 20, "length": 8},
            optimizer={"kind": "adam", "learning_rate": 0.05},
        ),
        client.train(
            "dcgan", dataset="digits", name=GENERATOR.model, epochs=1, batch_size=300,
            options={"filters": 4, "latent": 8},
        ),
    ]  # fmt: skip
    for job in jobs:
        job.wait(progress=False)

"""A predictor in this process, and how it is asked through a dispatcher."""

import asyncio
import struct
from typing import Any

from bessemer_server.domain import errors, ports
from bessemer_server.domain.tensors import Tensor
from tests.unit.serving.test_requests import MODEL

POISON = -1.0
DEADLY = -2.0
LOST = 1e38


class DoublingPredictor:
    """A predictor in this process: doubles what it gets, and fails for batches that hold the poison."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.seconds = 0.0
        self.is_again = False
        self.loads = 0
        self.models: set[Any] = set()
        self.unloadable: Exception | None = None
        self.load_gate = asyncio.Event()
        self.load_gate.set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, model):
        self.loads += 1
        await self.load_gate.wait()
        if self.unloadable is not None:
            raise self.unloadable
        self.models.add(model.key)

    def is_loaded(self, model):
        return model.key in self.models

    async def predict(self, model, inputs):
        await self.gate.wait()
        await asyncio.sleep(0)  # another process always takes some time
        tensor = inputs["x"]
        values = struct.unpack(f"<{tensor.rows}f", tensor.data)
        self.batches.append(tensor.rows)
        if POISON in values:
            raise ValueError("poison")
        if DEADLY in values:
            raise errors.Unavailable("the predictor process ended; try again", reason=errors.HELPER_ENDED)
        doubled = struct.pack(f"<{tensor.rows}f", *(2 * v for v in values))
        lost = [row for row, value in enumerate(values) if value >= LOST / 2]
        return ports.Predicted(
            {"y": Tensor("FP32", tensor.shape, doubled)}, self.seconds, self.is_again, lost
        )


async def settle():
    """Until what comes after answers is done."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(dispatcher, *values, model=MODEL, timeout_s=None):
    tensor = Tensor("FP32", (len(values),), struct.pack(f"<{len(values)}f", *values))
    answer = (await dispatcher.predict(model, {"x": tensor}, timeout_s))["y"]
    return list(struct.unpack(f"<{answer.rows}f", answer.data))

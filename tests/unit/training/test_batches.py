"""Batches that memory does not suffice for."""

import numpy as np
import pytest
import torch

from bessemer_server.domain import errors
from bessemer_server.training import batches, pending

TORCH = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"
)
ONNX = RuntimeError(
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer"
)


class Narrow:
    """A predictor with memory for so many rows at once; doubles them."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room, self.error = room, error
        self.tried = []

    def predict(self, inputs):
        return self.begin(inputs).result()

    def begin(self, inputs):
        rows = len(inputs["x"])
        self.tried.append(rows)
        if rows > self.room:
            raise self.error
        return pending.of({"y": inputs["x"] * 2})

    def warm(self):
        pass

    def describe(self):
        return {}


@pytest.mark.parametrize("error", [TORCH, ONNX, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_batch_that_is_too_large_is_halved_until_it_fits_and_that_is_remembered(error):
    narrow = Narrow(3, error)
    bounded = batches.Bounded(narrow)
    rows = np.arange(16)
    assert bounded.predict({"x": rows})["y"].tolist() == (rows * 2).tolist()
    assert bounded.limit == 2
    narrow.tried.clear()
    assert bounded.predict({"x": rows[:5]})["y"].tolist() == (rows[:5] * 2).tolist()
    assert narrow.tried == [2, 2, 1]


def test_a_limit_that_the_caller_knows_holds_from_then_on():
    narrow = Narrow(100, MemoryError())
    bounded = batches.Bounded(narrow)
    bounded.predict({"x": np.arange(9)}, limit=4)
    bounded.predict({"x": np.arange(5)})
    bounded.predict({"x": np.arange(4)}, limit=50)
    assert narrow.tried == [4, 4, 1, 4, 1, 4]


def test_a_sample_that_does_not_fit_alone_is_refused():
    with pytest.raises(
        errors.ResourceExhausted, match=r"does not suffice for one sample: .*DefaultCPUAllocator"
    ):
        batches.Bounded(Narrow(0, TORCH)).predict({"x": np.arange(4)})


def test_another_fault_stays_what_it_is():
    with pytest.raises(RuntimeError, match="shapes differ"):
        batches.Bounded(Narrow(0, RuntimeError("shapes differ"))).predict({"x": np.arange(4)})

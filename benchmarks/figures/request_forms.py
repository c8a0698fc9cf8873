"""A script: what the server itself needs for a small prediction, from bytes to bytes, without the network and the model.

python -m benchmarks.figures.request_forms

One request of the seed's CNN, again and again: taken apart each time, and known by its form. Each is the best of ten rounds, in turns, µs.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

from benchmarks.serving import workloads
from bessemer_server.domain import checkpoints, models, tensors
from bessemer_server.rpc import traffic
from bessemer_server.rpc.inference import forms, inferring

ROUNDS, COUNT = 10, 2_000
WORKLOAD = workloads.MNIST_CNN
MODEL = models.Model(
    name=WORKLOAD.name,
    version=1,
    job_id="",
    architecture="mnist_cnn",
    dataset="",
    weights=checkpoints.Manifest(0, 0, ()),
    definition={
        "labels": [str(number) for number in range(WORKLOAD.outputs)],
        "inputs": [{"name": WORKLOAD.input, "datatype": WORKLOAD.datatype, "shape": [-1, *WORKLOAD.shape]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, WORKLOAD.outputs]}],
    },
    metrics={},
    parameters=0,
    effective_spec={},
    create_time=datetime.datetime.now(datetime.UTC),
)
ANSWER = {
    "probabilities": tensors.Tensor("FP32", (1, WORKLOAD.outputs), bytes(4 * WORKLOAD.outputs)),
}


class OneModel:
    """A repository and a fleet that take no time."""

    async def get(self, name: str, version: str, routing_key: str) -> models.Model:
        """The model."""
        return MODEL

    def check_queue(self, *arguments: Any) -> None:
        """Nothing waits."""

    async def predict(self, *arguments: Any) -> dict[str, tensors.Tensor]:
        """Always the same."""
        return ANSWER


class Forgetful(forms.Forms):
    """Knows no form."""

    def find(self, data: bytes | memoryview) -> None:
        """Nothing."""


def _make(memory: forms.Forms) -> inferring.Inferring:
    one: Any = OneModel()
    made = inferring.Inferring(one, one, traffic.Traffic())
    made._forms = memory  # noqa: SLF001 - to be measured without it
    return made


async def _time(serving: inferring.Inferring, data: bytes) -> float:
    begun = time.perf_counter()
    for _ in range(COUNT):
        await serving.infer_bytes(data, None)
    return (time.perf_counter() - begun) / COUNT * 1e6


async def main() -> None:
    """Measure and show."""
    data = WORKLOAD.make_request()
    ways = {"taken apart": _make(Forgetful()), "known": _make(forms.Forms())}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, serving in ways.items():
            times[name].append(await _time(serving, data))
    for name, measured in times.items():
        print(f"{name}: {min(measured):.1f} µs ({max(measured):.1f} at most)")


if __name__ == "__main__":
    asyncio.run(main())

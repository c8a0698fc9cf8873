"""A prediction that fails is counted as that, wherever it fails, and as nothing else."""

from __future__ import annotations

import asyncio
import struct
import threading

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import inferring, messages
from bessemer_server.serving import requests
from tests.unit.rpc import test_forms


def make_request(values: int = 2, output: str = "", classes: int = 0) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="table")
    request.inputs.add(name="features", datatype="FP32", shape=[1, 2])
    request.raw_input_contents.append(struct.pack(f"<{values}f", *range(values)))
    if output:
        asked = request.outputs.add(name=output)
        if classes:
            asked.parameters["classification"].int64_param = classes
    return request


class Slow(test_forms.Echo):
    """Never answers."""

    async def predict(self, *arguments):
        await asyncio.sleep(600)


class Full(test_forms.Echo):
    """Has no room."""

    def check_queue(self, model, timeout_s, asked):
        raise errors.ResourceExhausted("full")


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("fleet", [test_forms.Echo, Slow, Full])
async def test_a_failure_is_one(monkeypatch, fleet, is_known):
    serving = test_forms.make()
    if is_known:
        await serving.infer_bytes(make_request().SerializeToString(), None)
    monkeypatch.setattr(serving, "_fleet", fleet())
    data = make_request(2 if fleet is not test_forms.Echo else 3).SerializeToString()
    asked = asyncio.create_task(serving.infer_bytes(data, None))
    for _ in range(5):
        await asyncio.sleep(0)
    if fleet is Slow:
        asked.cancel()
    with pytest.raises((errors.DomainError, asyncio.CancelledError)):
        await asked
    assert serving._fleet.statistics.of(("table", 1)).fail.count == 1


async def test_classes_of_what_has_none_are_refused_before_anything_is_computed():
    serving = test_forms.make(Slow())
    for name in ("label", "class"):
        with pytest.raises(errors.InvalidArgument, match="only scores in FP32 have classes"):
            await serving.infer_bytes(make_request(output=name, classes=2).SerializeToString(), None)


async def test_an_answer_that_nobody_could_take_is_refused(monkeypatch):
    monkeypatch.setattr(messages, "MAX_ANSWER_BYTES", 100)
    serving = test_forms.make()
    request = make_request(output="probabilities", classes=2)
    for classes in (2, 5_000_000):  # there are fewer
        request.outputs[0].parameters["classification"].int64_param = classes
        assert await serving.infer_bytes(request.SerializeToString(), None)
    for _ in range(6):
        request.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
    with pytest.raises(errors.InvalidArgument, match="ask for fewer rows or outputs at once"):
        await serving.infer_bytes(request.SerializeToString(), None)


@pytest.mark.parametrize(("aside", "is_aside"), [(8, True), (1 << 20, False)])
async def test_a_large_answer_is_made_aside(monkeypatch, aside, is_aside):
    monkeypatch.setattr(inferring, "ASIDE_BYTES", aside)
    choose, threads = messages.choose, []

    def see(*arguments):
        threads.append(threading.current_thread())
        return choose(*arguments)

    monkeypatch.setattr(messages, "choose", see)
    assert await test_forms.make().infer_bytes(
        make_request(output="probabilities", classes=2).SerializeToString(), None
    )
    assert [thread is not threading.main_thread() for thread in threads] == [is_aside]


async def test_an_output_that_is_asked_for_twice_comes_in_each_form():
    request = make_request(output="probabilities", classes=2)
    request.outputs.add(name="probabilities")
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 1
    data = await test_forms.make().infer_bytes(request.SerializeToString(), None)
    answer = pb.ModelInferResponse.FromString(data)
    assert [(each.datatype, list(each.shape)) for each in answer.outputs] == [
        ("BYTES", [1, 2]), ("FP32", [1, 2]), ("BYTES", [1, 1]),
    ]  # fmt: skip


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize(("slow", "is_aside"), [(0, True), (1 << 20, False)])
async def test_many_values_are_looked_at_aside(monkeypatch, slow, is_aside, is_known):
    serving = test_forms.make()
    data = make_request().SerializeToString()
    if is_known:
        await serving.infer_bytes(data, None)
    monkeypatch.setattr(requests, "SLOW_BYTES", slow)
    read, threads = requests.Planned.read, []

    def see(*arguments):
        threads.append(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(requests.Planned, "read", see)
    assert await serving.infer_bytes(data, None)
    assert [thread is not threading.main_thread() for thread in threads] == [is_aside]

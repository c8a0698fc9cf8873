"""What is remembered of requests changes no answer and no error, whatever comes after it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.domain.models import Model
from bessemer_server.domain.tensors import Tensor
from bessemer_server.rpc import traffic
from bessemer_server.rpc.inference import forms, inferring, wire
from bessemer_server.serving import statistics
from tests.integration.test_predictor import make_model

NAN = b"\0\0\xc0\x7f"
TABLE: dict[str, Any] = {
    "kind": "classifier", "preprocessing": {"kind": "standardize"}, "input_shape": [2], "labels": ["no", "yes"],
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}  # fmt: skip
TEXTS = {
    **TABLE,
    "preprocessing": {"kind": "text", "words": ["a"], "length": 2},
    "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
}
IMAGES = {
    **TABLE,
    "preprocessing": {"kind": "rescale", "scale": 255},
    "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 2, 2, 1]}],
}
MODELS = {
    name: make_model(name, it, ()) for name, it in [("table", TABLE), ("texts", TEXTS), ("images", IMAGES)]
}


class Models:
    """A repository."""

    def __init__(self) -> None:
        self.models = dict(MODELS)

    async def get(self, name, version_text, routing_key=""):
        if name not in self.models or version_text not in ("", "1"):
            raise errors.NotFound(f"no {name} {version_text}")
        return self.models[name]


class Echo:
    """A fleet whose answers depend on every byte of the inputs."""

    def __init__(self):
        self.statistics = statistics.Statistics()

    def check_queue(self, model, timeout_s, asked):
        pass

    async def predict(self, model, inputs, timeout_s, asked, begun_ns):
        (given,) = inputs.values()
        total = sum(given.data) + 1000 * model.version
        return {"probabilities": Tensor("FP32", (given.rows, 2), bytes([total % 251] * (8 * given.rows)))}


def make(fleet: Echo | None = None) -> inferring.Inferring:
    return inferring.Inferring(Models(), fleet or Echo(), traffic.Traffic())  # type: ignore[arg-type]


class Forgetful(forms.Forms):
    def find(self, data: bytes | memoryview) -> None:
        return None


async def ask(serving: inferring.Inferring, data: bytes) -> bytes | str:
    try:
        return await serving.infer_bytes(data, None)
    except errors.DomainError as error:
        return f"{type(error).__name__}: {error.message}"


def request(name: str, shape: list[int], raw: bytes, **others) -> pb.ModelInferRequest:
    spec = MODELS[name].inputs[0]
    made = pb.ModelInferRequest(model_name=name, raw_input_contents=[raw], **others)
    made.inputs.add(name=spec.name, datatype=spec.datatype, shape=shape)
    return made


REQUESTS = {
    "table": request("table", [1, 2], bytes(8)),
    "rows": request("table", [3, 2], bytes(range(24))),
    "texts": request("texts", [2], b"\1\0\0\0a\2\0\0\0bc"),
    "images": request("images", [1, 2, 2, 1], b"abcd"),
    "many images": request("images", [60, 2, 2, 1], bytes(range(240))),
    "version": request("table", [1, 2], bytes(8), model_version="1"),
    "outputs": request(
        "table", [1, 2], bytes(8),
        outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="label"), pb.ModelInferRequest.InferRequestedOutputTensor(name="probabilities")],
    ),
    "priority": request("table", [1, 2], bytes(8), parameters={"priority": pb.InferParameter(uint64_param=1)}),
}  # fmt: skip


@pytest.fixture
def remembering() -> inferring.Inferring:
    return make()


@pytest.fixture
def forgetful() -> inferring.Inferring:
    made = make()
    made._forms = Forgetful()
    return made


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_second_request_of_a_form_is_known_and_answered_like_the_first(
    name, remembering, forgetful, monkeypatch
):
    data = REQUESTS[name].SerializeToString()
    first = await ask(remembering, data)
    assert isinstance(first, bytes), first

    def fail(*arguments):
        raise AssertionError("it was taken apart again")

    monkeypatch.setattr(remembering, "infer", fail)
    other = bytearray(data)
    if name != "texts":
        other[-1] ^= 1
    again = await ask(remembering, bytes(other))
    assert again == await ask(forgetful, bytes(other))
    assert isinstance(again, bytes)
    assert pb.ModelInferResponse.FromString(again).model_name == REQUESTS[name].model_name


def change(data: bytes, position: int, cut: int, put: bytes) -> bytes:
    start = position % (len(data) + 1)
    return data[:start] + put + data[start + cut :]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(REQUESTS)), st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3)
        ),
        min_size=1,
        max_size=30,
    )
)
async def test_whatever_comes_is_answered_as_if_nothing_were_remembered(changes):
    remembering, forgetful = make(), make()
    forgetful._forms = Forgetful()
    for sound in REQUESTS.values():
        await ask(remembering, sound.SerializeToString())
    for name, *how in changes:
        data = change(REQUESTS[name].SerializeToString(), *how)
        for _ in range(2):
            assert await ask(remembering, data) == await ask(forgetful, data)


@pytest.mark.parametrize("raw", [bytes(4) + NAN, NAN + bytes(4), bytes(3) + b"\x80\x7f" + bytes(3)])
async def test_values_are_looked_at_each_time(remembering, forgetful, raw):
    await ask(remembering, REQUESTS["table"].SerializeToString())
    data = request("table", [1, 2], raw).SerializeToString()
    assert await ask(remembering, data) == await ask(forgetful, data)
    if NAN in raw:
        assert "must be finite, but row 0" in str(await ask(remembering, data))


async def test_texts_are_looked_at_each_time(remembering):
    await ask(remembering, REQUESTS["texts"].SerializeToString())
    lying = request("texts", [2], b"\1\0\0\0a\3\0\0\0bc").SerializeToString()
    assert str(await ask(remembering, lying)).startswith("InvalidArgument")


async def test_another_version_is_planned_anew_and_a_model_that_is_gone_is_not_found(remembering):
    data = REQUESTS["table"].SerializeToString()
    repository = remembering._repository
    assert isinstance(repository, Models)
    for version in (1, 2, 1):
        repository.models["table"] = dataclasses.replace(MODELS["table"], version=version)
        answer = await ask(remembering, data)
        assert isinstance(answer, bytes)
        assert pb.ModelInferResponse.FromString(answer).model_version == str(version)
    wider: Model = make_model("table", {**TABLE, "inputs": [{**TABLE["inputs"][0], "shape": [-1, 3]}]}, ())
    repository.models["table"] = wider
    assert "unexpected shape" in str(await ask(remembering, data))
    del repository.models["table"]
    assert "NotFound" in str(await ask(remembering, data))


@pytest.mark.parametrize(
    "odd",
    [
        request("table", [1, 2], bytes(8), id="7"),
        request("table", [1, 2], b"", inputs=[]),
        pb.ModelInferRequest(
            model_name="table",
            inputs=[
                pb.ModelInferRequest.InferInputTensor(
                    name="features", datatype="FP32", shape=[1, 2], contents={"fp32_contents": [1, 2]}
                )
            ],
        ),
    ],
)
async def test_what_has_more_of_its_own_than_values_is_not_remembered(remembering, odd):
    await ask(remembering, odd.SerializeToString())
    assert not remembering._forms._known


async def test_contents_that_stand_before_other_fields_are_not_taken_for_the_end(remembering, forgetful):
    whole = REQUESTS["table"]
    only = pb.ModelInferRequest(raw_input_contents=whole.raw_input_contents).SerializeToString()
    rest = pb.ModelInferRequest(model_name="table", inputs=whole.inputs).SerializeToString()
    assert await ask(remembering, only + rest) == await ask(forgetful, only + rest)
    assert not remembering._forms._known


async def test_the_memory_is_bounded_and_forgets_what_was_asked_for_least_recently(remembering, monkeypatch):
    monkeypatch.setattr(forms, "MOST", 3)
    for rows in (1, 2, 3, 1, 4):
        await ask(remembering, request("table", [rows, 2], bytes(8 * rows)).SerializeToString())
    known = remembering._forms._known
    assert [form.message.inputs[0].shape[0] for form in known.values()] == [3, 1, 4]
    assert sum(sum(sizes.values()) for sizes in remembering._forms._sizes.values()) == 3
    assert len(remembering._forms._sizes) == 3


@given(st.integers(1, 15), st.integers(0, 1 << 40))
def test_fields_begin_as_protobuf_writes_them(field, size):
    small = size % 5000
    message = pb.ModelInferResponse(raw_output_contents=[bytes(small)])
    assert message.SerializeToString() == wire.begin(6, small) + bytes(small)
    assert len(wire.begin(field, size)) == 1 + max(1, -(-size.bit_length() // 7))

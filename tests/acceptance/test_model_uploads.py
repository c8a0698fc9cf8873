"""A model goes out as a file and comes back as a model, through every face."""

import asyncio
import json

import grpc
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import numpy as safetensors
from safetensors import safe_open

import bessemer
from bessemer import aio, cli
from bessemer.v1 import models_pb2, models_pb2_grpc

FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        yield client.train("mlp", dataset="iris", name="to-upload", epochs=2).wait(progress=False).model


@pytest.fixture
def path(model, tmp_path):
    model.export(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def run(service, *arguments):
    return CliRunner().invoke(cli.group, ["--server", service.address, *map(str, arguments)])


def nest(levels):
    return json.loads('{"a": ' * levels + "1" + "}" * levels)


def test_a_file_comes_back_as_the_model_it_was(client, model, path):
    back = client.models.upload("came-back", path)
    assert (back.name, back.version, back.job_id) == ("came-back", "1", "")
    for what in ("architecture", "dataset", "labels", "metrics", "parameters", "inputs", "outputs"):
        assert getattr(back, what) == getattr(model, what), what
    given, expected = ([p.probabilities for p in m.predict(FLOWERS)] for m in (back, model))
    assert np.array_equal(given, expected)
    assert back.evaluate().metrics == model.evaluate().metrics
    assert [m.version for m in client.models.list("came-back")] == ["1"]


def test_the_newest_version_again_is_that_version_from_every_face(service, client, path):
    assert client.models.upload("once", path).version == "1"

    async def upload():
        async with aio.connect(service.address) as connected:
            return await connected.models.upload("once", path)

    assert asyncio.run(upload()).version == "1"
    result = run(service, "models", "upload", "once", path)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("published once@1 (")


def test_weights_of_somebody_else_become_the_next_version_of_a_model_like_them(client, model, path, tmp_path):
    weights = {name: array * 2 for name, array in safetensors.load_file(path).items()}
    safetensors.save_file(weights, tmp_path / "mine.safetensors")
    with pytest.raises(bessemer.InvalidArgument, match="like: the file has weights alone"):
        client.models.upload("to-upload", tmp_path / "mine.safetensors")
    mine = client.models.upload("mine", tmp_path / "mine.safetensors", like="to-upload@1")
    assert (mine.labels, mine.architecture, mine.metrics) == (model.labels, "mlp", {})
    assert mine.predict(FLOWERS)[0].probabilities != model.predict(FLOWERS)[0].probabilities
    mine.export(tmp_path / "again.safetensors")
    again = safetensors.load_file(tmp_path / "again.safetensors")
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


def test_a_generator_comes_back_too(client, tmp_path):
    options = {"latent": 8, "filters": 8}
    job = client.train("dcgan", dataset="digits", name="painter", epochs=1, options=options)
    painter = job.wait(progress=False).model
    painter.export(tmp_path / "painter.safetensors")
    back = client.models.upload("painter-again", tmp_path / "painter.safetensors")
    assert np.array_equal(back.sample(4, seed=3), painter.sample(4, seed=3))


def test_what_is_no_model_is_refused_in_words_and_publishes_nothing(service, client, path, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(path.read_bytes()[:-1])
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    for file, words in ((broken, "file: is no safetensors file"), (empty, "file: is empty")):
        with pytest.raises(bessemer.InvalidArgument, match=words):
            client.models.upload("nothing", file)
    with pytest.raises(bessemer.InvalidArgument, match="name: must start with a lower-case letter"):
        client.models.upload("Not A Name", path)
    with pytest.raises(bessemer.NotFound, match="did you mean to-upload"):
        client.models.upload("nothing", path, like="to-uplaod")
    with pytest.raises(bessemer.InvalidArgument, match=r"path: there is no file"):
        client.models.upload("nothing", tmp_path / "nowhere.safetensors")
    with pytest.raises(bessemer.InvalidArgument, match=r"path: must end in \.safetensors"):
        client.models.upload("nothing", tmp_path / "model.pt")
    result = run(service, "models", "upload", "nothing", broken)
    assert "file: is no safetensors file" in str(result.exception)
    with pytest.raises(bessemer.NotFound):
        client.models.get("nothing")


@pytest.mark.parametrize(
    "said",
    [
        {"effective_spec": {"optimizer": {"learning_rate": 0.1}}},
        {"effective_spec": {"optimizer": {"kind": [1]}}},
        {"effective_spec": {"options": {"a": 1}, "class_weights": {"x": "y"}}},
        {"architecture": "\ud800"},
        {"metrics": {"\ud800": 1.0}},
        {"effective_spec": {"options": nest(33)}},
        {"effective_spec": {"options": nest(40)}},
        {"effective_spec": {"options": nest(900)}},
    ],
    ids=["no kind", "no name", "no weight", "half a character", "half a name", "deep", "deeper", "deepest"],
)
def test_a_file_that_says_what_no_message_holds_is_refused_and_harms_no_listing(client, path, tmp_path, said):
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    safetensors.save_file(
        safetensors.load_file(path), tmp_path / "odd.safetensors", metadata | {"origin": json.dumps(said)}
    )
    with pytest.raises(bessemer.InvalidArgument):
        client.models.upload("odd", tmp_path / "odd.safetensors")
    assert "odd" not in {model.name for model in client.models.list()}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "an upload begins with its header"),
        ([{"data": b"x"}], "an upload begins with its header"),
        ([{"header": {"name": "nothing"}}], "file: is empty"),
        ([{"header": {"name": "nothing"}}, {"header": {"name": "nothing"}}], "after the header come bytes"),
        ([{"header": {"name": "nothing"}}, {"data": bytes(2 << 20)}], "a chunk has 2,097,152 bytes"),
        ([{"header": {"name": "nothing"}}, {}], "after the header come bytes"),
        ([{"header": {"name": "nothing", "like": "to-upload@0"}}, {"data": b"x"}], "version should be"),
    ],
    ids=["nothing", "no header", "no file", "two headers", "large chunk", "empty part", "bad version"],
)
@pytest.mark.usefixtures("model")
def test_streams_that_are_no_upload_are_refused(service, parts, words):
    with grpc.insecure_channel(service.address) as channel:
        stub = models_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refusal:
            stub.UploadModel(iter([models_pb2.UploadModelRequest(**part) for part in parts]))
    assert refusal.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert words in (refusal.value.details() or "")

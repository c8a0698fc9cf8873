"""A published model as a file."""

import asyncio
import json
import os

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from safetensors import numpy as safetensors

import bessemer
from bessemer import aio, cli


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        yield client.train("mlp", dataset="iris", name="to-export", epochs=1).wait(progress=False).model


def test_every_face_writes_the_same_file(service, model, tmp_path):
    model.export(tmp_path / "sdk.safetensors")

    async def export():
        async with aio.connect(service.address) as client:
            await (await client.models.get("to-export")).export(tmp_path / "aio.safetensors")

    asyncio.run(export())
    arguments = [
        "--server",
        service.address,
        "models",
        "export",
        "to-export",
        str(tmp_path / "cli.safetensors"),
    ]
    result = CliRunner().invoke(cli.group, arguments)
    assert result.exit_code == 0, result.output
    assert "wrote to-export@1 to " in result.output
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1
    assert [file.name for file in sorted(tmp_path.iterdir())] == [
        "aio.safetensors", "cli.safetensors", "sdk.safetensors"
    ]  # fmt: skip
    weights = safetensors.load_file(tmp_path / "sdk.safetensors")
    assert sum(array.size for array in weights.values()) == model.parameters


def test_an_onnx_file_predicts_what_the_model_predicts(model, tmp_path):
    model.export(tmp_path / "model.onnx")
    flowers = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (probabilities,) = session.run(None, {"features": flowers})
    expected = [prediction.probabilities for prediction in model.predict(flowers)]
    assert probabilities == pytest.approx(np.array(expected), abs=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["model"] == "to-export@1"
    assert tuple(json.loads(metadata["labels"])) == model.labels


def test_a_file_is_replaced_when_the_new_one_is_whole_and_has_the_usual_permissions(model, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("before")
    beside = tmp_path / "beside"
    beside.touch()
    model.export(path)
    assert path.stat().st_mode == beside.stat().st_mode
    safetensors.load_file(path)


def test_a_path_that_cannot_be_written_is_refused_before_anything_is_sent(model, tmp_path):
    with pytest.raises(
        bessemer.InvalidArgument, match=r"path: must end in \.safetensors or \.onnx, but is 'model\.pt'"
    ):
        model.export("model.pt")
    with pytest.raises(bessemer.InvalidArgument, match=r"path: there is no folder .*nowhere"):
        model.export(tmp_path / "nowhere" / "model.safetensors")


def test_an_export_that_breaks_off_leaves_what_was_there(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_text("before")

    def fail(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        model.export(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]

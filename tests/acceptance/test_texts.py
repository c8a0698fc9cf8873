"""Texts from end to end: trained by the service, asked as raw strings by the SDK, the CLI and tritonclient."""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np
import pytest
import tritonclient.grpc as triton
from click.testing import CliRunner
from tritonclient.utils import InferenceServerException

import bessemer
from bessemer.cli import group
from tests import tiny_texts
from tests.fix_service import Service

ROOT = pathlib.Path(__file__).parents[2]
TEXTS = ["A GREAT film, moving!", "boring<br />and dull", "zzz"]


@pytest.fixture(scope="module")
def texts_service(tmp_path_factory):
    """A server that finds the data set and the layer of `tiny_texts` by entry points."""
    folder = tmp_path_factory.mktemp("texts")
    package = folder / "tiny_texts-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-texts\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(tiny_texts.ENTRY_POINTS)
    service = Service(folder / "data", "--slots", "1")
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        service.start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def model(texts_service):
    with bessemer.connect(texts_service.address) as client:
        spec = dict(tiny_texts.SPEC)
        job = client.train(spec.pop("architecture"), name="texts", **spec)
        assert job.wait().state == "SUCCEEDED"
        yield job.model


def test_the_sdk_takes_strings(model):
    first, second, unknown = model.predict(TEXTS)
    assert (first.label, second.label) == ("praise", "blame")
    assert sum(unknown.probabilities) == pytest.approx(1)
    (alone,) = model.predict(TEXTS[0])
    assert alone.probabilities == pytest.approx(first.probabilities, abs=1e-6)


def test_the_model_tells_its_settings_and_its_signature(model):
    assert model.spec["text"] == {"vocabulary": 40, "length": 12}
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.inputs] == [("text", "BYTES", (-1,))]
    assert model.metrics["test/accuracy"] == 1.0


def test_it_is_measured_on_the_raw_texts_of_a_split(model):
    assert model.evaluate(split="test").metrics["accuracy"] == model.metrics["test/accuracy"]


def test_an_unmodified_tritonclient_sends_bytes(texts_service, model):
    with triton.InferenceServerClient(texts_service.address) as server:
        texts = triton.InferInput("text", [3], "BYTES")
        texts.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object))
        answer = server.infer("texts", [texts]).as_numpy("probabilities")
        ours = [prediction.probabilities for prediction in model.predict(TEXTS)]
        np.testing.assert_allclose(answer, ours, rtol=1e-5)
        blank = triton.InferInput("text", [2], "BYTES")
        blank.set_data_from_numpy(np.array([b"great", b" "], dtype=object))
        with pytest.raises(InferenceServerException, match=r"element 1 of input 'text' .* is an empty text"):
            server.infer("texts", [blank])


def test_the_command_takes_texts_and_files_of_lines(texts_service, model, tmp_path):
    file = tmp_path / "reviews.txt"
    file.write_text(f"{TEXTS[0]}\n{TEXTS[1]}\n")
    arguments = [
        "--server",
        texts_service.address,
        "predict",
        "texts",
        str(file),
        "--text",
        "hated it",
        "--json",
    ]
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 0, result.output
    rows = [(row["input"], row["prediction"]["label"]) for row in json.loads(result.stdout)]
    assert rows == [("hated it", "blame"), ("reviews.txt[0]", "praise"), ("reviews.txt[1]", "blame")]


def test_texts_that_a_user_uploads_are_trained_on(texts_service, tmp_path):
    for index, (label, word) in enumerate([("down", "boring"), ("up", "great")] * 10):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{index}.txt").write_text(f"Très {word}, number {index}")
    with bessemer.connect(texts_service.address) as client:
        found = client.datasets.upload("reviews", tmp_path)
        assert (found.kind, found.shape, found.labels) == ("text", (), ("down", "up"))
        settings = {name: tiny_texts.SPEC[name] for name in ("options", "text", "optimizer", "epochs")}
        job = client.train("sequential", dataset="reviews", batch_size=4, **settings)
        job.wait()
        assert job.model is not None
        assert [p.label for p in job.model.predict(["GREAT", "boring, très boring"])] == ["up", "down"]


def test_pictures_and_texts_are_not_taken_for_each_other(model):
    with pytest.raises(bessemer.InvalidArgument, match="takes strings"):
        model.predict(np.zeros((1, 8, 8, 1), np.uint8))
    with pytest.raises(bessemer.InvalidArgument, match="text 1 is empty"):
        model.predict(["great", ""])

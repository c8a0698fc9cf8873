"""Evaluations through the service: SDK, asyncio, command line, pictures."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors import numpy as safetensors
from safetensors import safe_open

import bessemer

COMMAND = pathlib.Path(sys.executable).with_name("bessemer")


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", name="evaluated", epochs=20, batch_size=16, seed=2)
        job.wait(progress=False)
        yield job.model


def test_the_test_split_is_measured_as_training_did(model):
    found = model.evaluate()
    assert (found.dataset, found.split, found.samples) == ("iris", "test", 30)
    assert found["accuracy"] == pytest.approx(model.metrics["test/accuracy"])
    assert found.confusion_matrix.sum() == 30
    assert found.confusion_matrix.trace() == round(found["accuracy"] * 30)
    assert found.labels == model.labels
    assert "accuracy" in str(found)


async def test_asyncio_gives_the_same(service, model):
    async with bessemer.aio.connect(service.address) as client:
        same = await client.models.get(model.name)
        assert await same.evaluate(split="train") == model.evaluate(split="train")


def test_the_confusion_matrix_is_drawn(model, tmp_path):
    model.confusion_matrix(path=tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.width > 300


def test_the_command_line_shows_the_table_and_the_matrix(service, model):
    command = [COMMAND, "--server", service.address, "models", "evaluate", model.name]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "precision" in shown
    assert "rows: true class" in shown


@pytest.mark.parametrize(
    ("dataset", "split", "field"),
    [("digits", "test", "dataset"), ("no-such-data", "test", "dataset"), (None, "trian", "split")],
)
def test_what_cannot_be_measured_is_refused_by_field(model, dataset, split, field):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        model.evaluate(dataset, split=split)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_predictions_go_on_beside_an_evaluation(model):
    assert model.predict([[5.1, 3.5, 1.4, 0.2]])[0].label == "setosa"
    model.evaluate(split="train")
    assert model.predict([[5.1, 3.5, 1.4, 0.2]])[0].label == "setosa"


def test_activations_are_plotted_without_a_service(tmp_path):
    picture = tmp_path / "activations.png"
    shown = subprocess.run(
        [COMMAND, "activations", "-o", picture], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in shown for name in ("relu", "sigmoid", "tanh"))
    with Image.open(picture) as opened:
        assert opened.width > 600
    refused = subprocess.run([COMMAND, "activations", "rleu"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "there is no activation 'rleu'" in refused.stderr


def test_a_model_is_measured_on_data_that_a_user_uploaded(service):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 3)) + y[:, None] * 4
    with bessemer.connect(service.address) as client:
        client.datasets.upload("two-clouds", (x.astype(np.float32), y), labels=["left", "right"])
        job = client.train("mlp", dataset="two-clouds", epochs=30, batch_size=8)
        job.wait(progress=False)
        model = job.model
        assert model
        found = model.evaluate()
        assert found["accuracy"] == pytest.approx(job.metrics["test/accuracy"])
        assert found.labels == ("left", "right")


def test_a_model_from_a_file_that_names_no_data_set_is_measured_on_one_that_is_named(
    service, model, tmp_path
):
    path, bare = tmp_path / "model.safetensors", tmp_path / "bare.safetensors"
    model.export(path)
    with safe_open(path, "numpy") as file:
        definition = file.metadata()["definition"]
    safetensors.save_file(safetensors.load_file(path), bare, metadata={"definition": definition})
    with bessemer.connect(service.address) as client:
        found = client.models.upload("of-no-data-set", bare)
        words = "^dataset: is required: of-no-data-set@1 came from a file that names no data set$"
        with pytest.raises(bessemer.InvalidArgument, match=words):
            found.evaluate()
        assert found.evaluate("iris")["accuracy"] == model.evaluate()["accuracy"]

"""Files of weights: what is taken is what was exported, and anything else is refused with words, before it costs memory."""

from __future__ import annotations

import contextlib
import copy
import json
import pathlib
import random

import numpy as np
import pytest
from safetensors import numpy as safetensors

from bessemer_server.domain import errors
from bessemer_server.training import inference
from bessemer_server.training.exchange import importing
from tests.unit.training.exchange import models

TABLE = models.publish([{"dense": {"units": 3}}], (4,))
IMAGE = models.publish([{"conv2d": {"filters": 2, "kernel": 3}}, "batch_norm"], (6, 5, 3))
TEXT = models.publish([{"embedding": {"vocabulary": 12, "units": 4}}, {"lstm": {"units": 3}}], (9,), 12)


def write(path, definition, weights, **metadata):
    """A file; `definition` None for one that has none."""
    described = {} if definition is None else {"definition": json.dumps(definition)}
    safetensors.save_file(weights, path, described | metadata)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def refuse(path, definition, weights):
    """The violations, by field."""
    return refuse_file(write(path, definition, weights))


def refuse_file(file):
    with pytest.raises(errors.InvalidArgument) as refusal:
        importing.read(file, None)
    return {violation.field: violation.description for violation in refusal.value.violations}


@pytest.mark.parametrize("published", [TABLE, IMAGE, TEXT], ids=["table", "image", "text"])
def test_a_file_is_the_model_that_was_written(path, published):
    definition, weights = published
    origin = {
        "architecture": "mlp",
        "dataset": "iris",
        "metrics": {"test/loss": 0.5},
        "effective_spec": {"seed": 3},
    }
    found = importing.read(write(path, definition, weights, origin=json.dumps(origin)), None)
    assert (found.definition, found.origin) == (definition, origin)
    assert list(found.weights) == list(weights)
    assert all(np.array_equal(found.weights[name], weights[name]) for name in weights)
    inference.InferenceModel(found.definition, found.weights, "cpu").warm()


def test_weights_alone_take_the_definition_of_a_model_like_them(path):
    definition, weights = TABLE
    file = write(path, None, weights)
    with pytest.raises(errors.InvalidArgument, match="like: the file has weights alone"):
        importing.read(file, None)
    found = importing.read(file, {"definition": definition, "origin": {"architecture": "mlp"}})
    assert (found.definition, found.origin) == (definition, {"architecture": "mlp"})
    assert found.parameters == sum(array.size for array in weights.values())


def test_weights_of_another_precision_become_those_of_the_network(path):
    definition, weights = TABLE
    halves = {name: array.astype(np.float16) for name, array in weights.items()}
    found = importing.read(write(path, definition, halves), None)
    assert {array.dtype.name for array in found.weights.values()} == {"float32"}
    whole = {name: array.astype(np.int64) for name, array in weights.items()}
    assert "has numbers of type I64" in refuse(path, definition, whole)["0.weight"]


def test_tensors_that_do_not_fit_are_named(path):
    definition, weights = TABLE
    renamed = {name.replace("1.", "2."): array for name, array in weights.items()}
    assert refuse(path, definition, renamed)["file"] == (
        "does not have the network's tensors: it lacks 1.bias, 1.weight; it has, and the network has not, 2.bias, 2.weight"
    )
    wrong = {name: array[:1] for name, array in weights.items()}
    assert refuse(path, definition, wrong)["0.weight"] == "has shape [1, 4]; the network has [3, 4]"
    broken = {name: array * np.nan for name, array in weights.items()}
    assert refuse(path, definition, broken)["0.weight"] == "has values that are NaN or infinite"


def test_a_network_that_no_memory_has_is_refused_before_it_is_built(path):
    definition, weights = copy.deepcopy(TABLE)
    for units in (10**9, 10**15, 2**62):
        definition["layers"][0] = {"dense": {"units": units}}
        assert any(field.startswith("definition.layers") for field in refuse(path, definition, weights))
    definition = {**TABLE[0], "input_shape": [10**12]}
    assert "at most" in refuse(path, definition, weights)["definition.input_shape"]
    definition = {**TABLE[0], "layers": [{"dense": {"units": 2}}] * 2001}
    assert "2000" in refuse(path, definition, weights)["definition.layers"]


@pytest.mark.parametrize(
    ("published", "change", "field"),
    [
        (TABLE, {"layers": [{"densse": {"units": 2}}]}, "layers[0]"),
        (TABLE, {"layers": "dense"}, "layers"),
        (TABLE, {"layers": []}, "layers"),
        (TABLE, {"kind": "code"}, "kind"),
        (TABLE, {"program": "import os"}, "program"),
        (TABLE, {"labels": ["a", "a"]}, "labels"),
        (TABLE, {"labels": ["a", "b", "c"]}, "layers"),
        (TABLE, {"preprocessing": {"kind": "rescale", "scale": 255.0}}, "preprocessing"),
        (TABLE, {"preprocessing": {"kind": "pickle"}}, "preprocessing"),
        (TABLE, {"preprocessing": {"kind": "standardize", "mena": [0.0] * 4}}, "preprocessing.standardize.mena"),
        (TABLE, {"preprocessing": {"kind": "standardize", "mean": [0.0], "deviation": [1.0]}}, "preprocessing"),
        (TABLE, {"preprocessing": {"kind": "standardize", "mean": [0.0] * 4, "deviation": [0.0] * 4}}, "preprocessing"),
        (TABLE, {"inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 5]}]}, "inputs"),
        (TABLE, {"outputs": []}, "outputs"),
        (IMAGE, {"input_shape": [6, 5]}, "layers[0]"),
        (TEXT, {"preprocessing": {"kind": "text", "words": ["a"] * 11, "length": 9}}, "layers[0]"),
        (TEXT, {"preprocessing": {"kind": "text", "words": ["a"], "length": 8}}, "preprocessing"),
        (TEXT, {"preprocessing": {"kind": "standardize", "mean": [0.0] * 9, "deviation": [1.0] * 9}}, "layers[0]"),
        (TABLE, {"kind": "generator"}, "preprocessing"),
        (IMAGE, {"kind": "generator"}, "layers"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_model_of_ours_would_say_is_refused_by_its_field(path, published, change, field):
    definition, weights = published
    found = refuse(path, definition | change, weights)
    assert any(name.startswith(f"definition.{field}") for name in found), found


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"definition": "{"}, "definition"),
        ({"definition": "[1]"}, "definition"),
        ({"definition": "[" * 100_000}, "definition"),
        ({"origin": '{"metrics": {"a": "b"}}'}, "origin.metrics.a"),
        ({"origin": '{"dataset_digest": "../../etc"}'}, "origin.dataset_digest"),
        ({"origin": '{"effective_spec": {"seed": -1}}'}, "origin.effective_spec.seed"),
        ({"origin": '{"effective_spec": {"programme": 1}}'}, "origin.effective_spec.programme"),
    ],
    ids=["no JSON", "no object", "too deep", "words for numbers", "no digest", "out of range", "unknown"],
)
def test_metadata_that_are_no_description_are_refused(path, metadata, field):
    definition, weights = TABLE
    safetensors.save_file(weights, path, {"definition": json.dumps(definition)} | metadata)
    assert field in refuse_file(str(path))


def test_damaged_files_are_refused_wherever_the_damage_is(path):
    definition, weights = TABLE
    whole = pathlib.Path(write(path, definition, weights)).read_bytes()
    dice = random.Random(1)
    shapes, refused = {name: array.shape for name, array in weights.items()}, 0
    for _ in range(300):
        data = bytearray(whole)
        match dice.randrange(3):
            case 0:
                del data[dice.randrange(len(data)) :]
            case 1:
                data[dice.randrange(len(data))] = dice.randrange(256)
            case 2:
                start = dice.randrange(len(data))
                data[start : start + 8] = dice.randbytes(8)
        path.write_bytes(data)
        with contextlib.suppress(errors.InvalidArgument):
            found = importing.read(str(path), None)
            assert {name: array.shape for name, array in found.weights.items()} == shapes
            refused -= 1
        refused += 1
    assert refused > 150

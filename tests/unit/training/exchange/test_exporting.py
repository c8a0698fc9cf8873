"""ONNX files: every layer of the registry has its form or is refused with words, and the answers are torch's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from bessemer_server.domain import errors
from bessemer_server.layers import activations, graphs, kinds, trunk_graphs
from bessemer_server.layers.options import Options
from bessemer_server.training import inference
from bessemer_server.training.exchange import agreement, exporting
from tests.unit.training.exchange import models

SHAPES: list[tuple[int, ...]] = [(12,), (6, 5), (12, 11, 3)]
IMAGE = (13, 12, 3)
VOCABULARY = 100
REFUSED: set[str] = set()
"""Kinds of layer without a form in ONNX, which models can have nevertheless."""


def examples(kind: kinds.Kind[Any]) -> list[dict[str, Any]]:
    found = kind.options.model_json_schema().get("examples", [{}])
    return [{**example, "vocabulary": VOCABULARY} if kind.takes_ids else example for example in found]


def shapes(kind: kinds.Kind[Any], options: dict[str, Any]) -> list[tuple[int, ...]]:
    """Those that the layer takes."""
    if kind.takes_ids:
        return [(9,)]
    found = []
    for shape in SHAPES:
        try:
            kind.build(kind.options.model_validate(options), shape)
            found.append(shape)
        except kinds.LayerError:
            pass
    return found


@pytest.mark.parametrize("kind", list(kinds.REGISTRY), ids=lambda kind: kind.name)
def test_every_kind_of_layer_is_exported_or_refused_by_its_index(kind):
    for options in examples(kind):
        fitting = shapes(kind, options)
        assert fitting
        for shape in fitting:
            definition, weights = models.publish(
                [{kind.name: options}], shape, VOCABULARY if kind.takes_ids else 0
            )
            if kind.name in REFUSED:
                with pytest.raises(errors.FailedPrecondition, match=rf"layer 0 \({kind.name}\)"):
                    exporting.export(definition, weights, {})
                continue
            data = exporting.export(definition, weights, {})
            onnx.checker.check_model(onnx.load_from_string(data))


@pytest.mark.parametrize(
    "layers",
    [
        [{"conv2d": {"filters": 4, "kernel": [4, 2], "padding": "same"}}],
        [{"conv2d": {"filters": 4, "kernel": 5, "padding": "same", "stride": 3, "use_bias": False}}],
        [{"conv2d_transpose": {"filters": 4, "kernel": 4, "stride": 2, "padding": "same"}}],
        [{"conv2d_transpose": {"filters": 4, "kernel": 3, "stride": 2, "activation": "tanh"}}],
        [{"conv2d_transpose": {"filters": 4, "kernel": 2, "stride": 3, "padding": "same"}}],
        [{"conv2d_transpose": {"filters": 4, "kernel": 5, "stride": 2, "padding": "same"}}],
        [{"max_pool2d": {"size": 3, "stride": 2, "padding": "same"}}],
        [{"average_pool2d": {"size": 3, "stride": 2, "padding": "same"}}],
        [{"average_pool2d": {"size": [2, 3]}}],
        [{"upsample": {"size": [2, 3], "interpolation": "bilinear"}}],
        [{"conv2d": {"filters": 4, "kernel": 3}}, "upsample", {"conv2d": {"filters": 4, "kernel": 3}}],
        [{"reshape": {"shape": [12, 13, 3]}}, {"conv2d": {"filters": 4, "kernel": 3}}],
        [{"reshape": {"shape": [-1, 9]}}, "batch_norm", {"gru": {"units": 5, "return_sequences": True}}],
    ],
    ids=json.dumps,
)
def test_the_options_of_layers_mean_the_same_in_onnx(layers):
    exporting.export(*models.publish(layers, IMAGE), {})


@pytest.mark.parametrize("function", activations.FUNCTIONS)
def test_every_activation_is_exported_within_another_layer(function):
    exporting.export(*models.publish([{"dense": {"units": 6, "activation": function}}], (12,)), {})


@pytest.mark.parametrize(
    "last", [{"units": 2, "activation": "softmax"}, {"units": 1, "activation": "sigmoid"}]
)
def test_what_a_classifier_ends_with_becomes_probabilities_of_all_classes(last):
    definition, weights = models.publish_whole(["flatten", {"dense": last}], IMAGE)
    session = onnxruntime.InferenceSession(exporting.export(definition, weights, {}))
    images = np.random.default_rng(1).integers(0, 256, (5, *IMAGE), np.uint8)
    (answer,) = session.run(["probabilities"], {"image": images})
    expected = inference.InferenceModel(definition, weights, "cpu").predict({"image": images})
    assert answer == pytest.approx(expected["probabilities"], abs=1e-5)
    assert answer.shape == (5, 2)


def test_a_file_tells_its_model_labels_signature_and_vocabulary():
    layers = [{"embedding": {"vocabulary": VOCABULARY, "units": 4}}, {"lstm": {"units": 3}}]
    definition, weights = models.publish(layers, (9,), VOCABULARY)
    found = onnx.load_from_string(exporting.export(definition, weights, {"model": "films@2"}))
    metadata = {entry.key: entry.value for entry in found.metadata_props}
    assert metadata["model"] == "films@2"
    told = {name: json.loads(value) for name, value in metadata.items() if name != "model"}
    assert told == {
        "definition": definition,
        "labels": models.LABELS,
        "inputs": definition["inputs"],
        "outputs": definition["outputs"],
        "vocabulary": definition["preprocessing"]["words"],
    }
    (given,), (output,) = found.graph.input, found.graph.output
    assert (given.name, output.name) == ("token_ids", "probabilities")
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == ["batch", 9]


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
        "inception_v3", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "resnet50",
        "resnext50_32x4d", "shufflenet_v2_x0_5", "vgg11_bn",
    ],
)  # fmt: skip
def test_a_trunk_of_each_family_of_torchvision_is_exported(name):
    options = {"name": name, "weights": "random", "smallest_side": 96, "pooling": "average"}
    exporting.export(*models.publish([{"backbone": options}], (96, 80, 3)), {})


@pytest.mark.long
def test_a_trunk_with_attention_is_refused_by_what_it_calls():
    options = {"name": "swin_t", "weights": "random", "smallest_side": 32}
    definition, weights = models.publish([{"backbone": options}], (32, 32, 3))
    with pytest.raises(
        errors.FailedPrecondition, match=r"layer 0 \(backbone\): _get_relative_position_bias has no form"
    ):
        exporting.export(definition, weights, {})


class Normalised(nn.Module):
    """Calls the function as convnext does."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3))
        self.bias = nn.Parameter(torch.rand(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        last = images.permute(0, 2, 3, 1)
        return nn.functional.layer_norm(last, (3,), self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


def test_functions_may_get_what_they_take_in_order_or_by_name():
    graph = graphs.Graph()
    trunk_graphs.export(graph, nn.Sequential(Normalised()), graphs.Value("images", 4), (8, 8))
    normalisation = graph.nodes[1]
    assert normalisation.inputs[1:] == ("0.weight", "0.bias")
    assert normalisation.attributes == {"axis": -1, "epsilon": 1e-6}


@pytest.mark.parametrize(
    ("trunk", "sentence"),
    [
        (nn.PReLU(), "PReLU has no form in ONNX here"),
        (nn.MaxPool2d(2, dilation=2), "pooling with dilation or indices has no form in ONNX here"),
        (nn.AdaptiveAvgPool2d(3), "adaptive pooling to 3 has no form in ONNX"),
    ],
)
def test_what_is_missing_of_a_trunk_is_named(trunk, sentence):
    with pytest.raises(graphs.NotExportable) as refused:
        trunk_graphs.export(graphs.Graph(), nn.Sequential(trunk), graphs.Value("images", 4), (8, 8))
    assert str(refused.value) == sentence


class Halve(nn.Module):
    """A layer of someone who has not said what it is in ONNX."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs / 2


class Lie(Halve):
    """A layer that is something else in ONNX."""

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        return graph.add("Neg", inputs)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Halve, r"cannot be exported as ONNX: layer 1 \(new\): it has no form in ONNX$"),
        (Lie, r"was not exported: its ONNX file differs from torch's answer by 0\.\d+"),
    ],
)
def test_a_newcomers_layer_is_refused_or_must_agree(monkeypatch, module, sentence):
    kind = kinds.Kind("new", Options, lambda options, shape: (module(), shape))
    monkeypatch.setitem(kinds.REGISTRY._entries, "new", kind)
    definition, weights = models.publish(["flatten", "new"], (12,))
    with pytest.raises(errors.FailedPrecondition, match=sentence):
        exporting.export(definition, weights, {})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (np.array([[0.5, 0.5]], np.float32), None),
        (np.array([[0.5005, 0.4995]], np.float32), None),
        (np.array([[0.502, 0.498]], np.float32), r"differs from torch's answer by 0\.002"),
        (np.array([[np.nan, 0.5]], np.float32), "differs from torch's answer by nan"),
        (np.array([[0.5]], np.float32), r"is float32 of shape \(1, 1\), not float32 of \(1, 2\)"),
    ],
)
def test_answers_agree_within_the_tolerance(given, sentence):
    found = agreement.find_difference(np.array([[0.5, 0.5]], np.float32), given)
    assert found is None if sentence is None else found is not None and sentence.replace("\\", "") in found

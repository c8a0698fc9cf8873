"""Backbones: torchvision's networks without their heads."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torchvision

from bessemer_server.domain import errors
from bessemer_server.layers import backbone, kinds, lists, networks, trunks


@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "resnet18", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_x_400mf"]
)
def test_a_trunk_gives_what_torchvisions_network_gives_to_its_head(name):
    model = getattr(torchvision.models, name)().eval()
    trunk = trunks.build(name)
    own = {key: model.state_dict()[key] for key in trunk.state_dict()}
    trunk.load_state_dict(own, assign=True)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        features = trunk.eval()(images)
        if hasattr(model, "fc"):
            logits = model.fc(features.mean((2, 3)))
        else:
            head = model.classifier
            logits = head(features).flatten(1) if name.startswith("squeeze") else head(features.mean((2, 3)))
        assert torch.allclose(logits, model(images), atol=1e-5)
    height, width, channels = trunks.output_shape(name, 64, 64)
    assert features.shape == (1, channels, height, width)


def test_images_too_small_for_a_network_are_refused_with_the_side_that_fits():
    options = backbone.BackboneOptions(name="alexnet", smallest_side=32)
    with pytest.raises(
        kinds.LayerError, match="32×32 pixels is too small for alexnet: set smallest_side to 64"
    ):
        backbone.build(options, (8, 8, 1))


def test_a_grey_image_is_seen_as_three_equal_channels_of_imagenets_scale():
    layer = {"backbone": {"name": "squeezenet1_1", "weights": "random", "pooling": "average"}}
    network = networks.build(lists.parse([layer], "layers"), (64, 64, 1))
    networks.initialise(network, lambda index: torch.Generator().manual_seed(index))
    grey = torch.rand(2, 1, 64, 64)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in trunks.IMAGENET)
    with torch.inference_mode():
        seen = network[0].get_submodule("trunk")((grey.expand(-1, 3, -1, -1) - mean) / deviation).mean((2, 3))
        assert torch.allclose(network(grey), seen, atol=1e-5)


def test_random_weights_are_a_function_of_the_generator():
    first, again, other = (
        trunks.random_weights("squeezenet1_1", torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])


SCRIPT = """
import sys
from bessemer_server.training import planning
planning.plan({"architecture": "transfer", "dataset": "digits", "options": {"backbone": "squeezenet1_1"}})
print(*sorted({"sympy", "torch._dynamo", "torch._inductor", "scipy"} & set(sys.modules)))
"""


def test_planning_with_a_backbone_imports_no_compiler():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_summary_counts_the_weights_of_torchvision_and_no_counters_of_batches():
    layer = {"backbone": {"name": "resnet18", "weights": "random"}}
    row = networks.summarise(networks.build(lists.parse([layer], "layers"), (64, 64, 3)))[0]
    body = torchvision.models.resnet18()
    body.fc = torch.nn.Identity()
    learnt = sum(parameter.numel() for parameter in body.parameters())
    statistics = sum(buffer.numel() for name, buffer in body.named_buffers() if "running" in name)
    assert (row.parameters, row.trainable_parameters) == (learnt + statistics, 0)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("../secret.pth", "the name of a file in the server's folder of weights, without a path"),
        ("model:digits@1", "name it as the backbone"),
    ],
)
def test_weights_that_are_no_name_of_a_file_are_refused_with_what_would_be(weights, words):
    with pytest.raises(errors.InvalidArgument) as refused:
        lists.parse([{"backbone": {"weights": weights}}], "options.layers")
    (violation,) = refused.value.violations
    assert violation.field == "options.layers[0].backbone.weights"
    assert words in violation.description

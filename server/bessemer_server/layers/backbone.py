"""Backbones: networks that have learnt to see, as one layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
import torch
from torch import nn
from torch.nn import functional

from bessemer_server.domain import bases
from bessemer_server.layers import graphs, kinds, trained, trunk_graphs, trunks, upsample
from bessemer_server.layers.options import Options


def _check_name(name: str) -> str:
    if not name.startswith(bases.PREFIX):
        return trunks.check(name)
    if not bases.REFERENCE.fullmatch(name):
        raise ValueError(
            f"{name!r} is no model: write model:NAME, or model:NAME@VERSION as in model:digits@2"
        )
    return name


Name = Annotated[str, pydantic.AfterValidator(_check_name)]
"""One of torchvision's, or `model:<name>[@<version>]` of one that was trained here."""


def _check_weights(name: str) -> str:
    if name.startswith(bases.PREFIX):
        raise ValueError(f"{name!r} is a model trained here: name it as the backbone, and leave weights out")
    if not re.fullmatch(WEIGHTS, name):
        raise ValueError(
            f"must be default, random, or the name of a file in the server's folder of weights, "
            f"without a path, but is {name!r}"
        )
    return name


WEIGHTS = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}"
Weights = Annotated[
    str,
    pydantic.AfterValidator(_check_weights),
    pydantic.WithJsonSchema({"type": "string", "pattern": f"^{WEIGHTS}$"}),
]
"""`default`, `random`, or the name of a file; no path."""
UnfreezeLast = Annotated[int, pydantic.Field(ge=0, le=100)]
RANDOM, DEFAULT = "random", "default"
TRIED_SIDES = (32, 48, 64, 75, 96, 128, 224)
"""Sides of square images, in pixels, of which the smallest that fits is told."""

EXAMPLE: dict[str, Any] = {
    "name": "squeezenet1_1",
    "weights": "random",
    "frozen": False,
    "pooling": "average",
}


class BackboneOptions(Options):
    """A network without its head, torchvision's or a model trained here, by default frozen: an image becomes a map of
    features.
    """

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name = "resnet50"
    """Name of a classification network of torchvision; or model:NAME or model:NAME@VERSION, a model trained here."""
    weights: Weights = DEFAULT
    """default: torchvision's own, trained on ImageNet, downloaded when needed, or those of the model; random; or the
    name of a file in the folder `weights` of the server's data set folder."""
    frozen: bool = True
    """Whether the weights stay as they are while training."""
    unfreeze_last: UnfreezeLast = 0
    """How many of the last blocks are trained although the rest is frozen, from 0 to 100."""
    smallest_side: Annotated[int, pydantic.Field(ge=32, le=1024)] = 64
    """Images whose shorter side has fewer pixels are enlarged until it has so many, from 32 to 1,024. For a model
    trained here: that of the images that it learnt from."""
    pooling: Literal["none", "average"] = "none"
    """average: each channel of the feature map becomes its mean, one feature."""
    trunk: trained.TrainedTrunk | None = None
    """What a model trained here is made of. Set by the server."""


class Backbone(nn.Module):
    """A trunk that always runs in inference mode, its batch normalisation too, whatever of it is trained.

    So says Keras's guide to transfer learning; and dropout inside would draw numbers that no key decides. resnet50
    has 23,508,032 weights here, and 53,173 numbers that batch normalisation keeps; Keras's has 26,560 more and 53 less,
    since its convolutions have biases and its batch normalisation counts no batches.
    """

    pretrained: Mapping[str, torch.Tensor] | None = None
    """Weights for `initialise`, which fit; None: random ones."""

    def __init__(self, options: BackboneOptions, given: tuple[int, int], size: tuple[int, int]) -> None:
        """Images of `given` (height, width) are enlarged to `size`."""
        super().__init__()
        self.options = options
        self.trunk = trained.build(options.trunk, size) if options.trunk else trunks.build(options.name)
        self.trunk.requires_grad_(not options.frozen)
        if options.unfreeze_last:
            for block in trunks.blocks(self.trunk)[-options.unfreeze_last :]:
                block.requires_grad_(True)
        self._given, self._size = given, size
        self._mean, self._deviation = _normalisation(options)
        self._constants: tuple[torch.Tensor, torch.Tensor] | None = None
        """Both on the device of the inputs: to bring them there for each batch would wait for a GPU each time."""

    def train(self, mode: bool = True) -> Backbone:
        """Inference mode, whatever is asked for."""
        super().train(mode)
        self.trunk.eval()
        return self

    def initialise(self, generator: torch.Generator) -> None:
        """Pretrained weights where there are some, otherwise random ones."""
        weights = self.pretrained
        self.pretrained = None
        if weights is None and self.options.trunk:
            weights = trained.random_weights(self.options.trunk, self._size, generator)
        self.trunk.load_state_dict(weights or trunks.random_weights(self.options.name, generator))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[N, 1 or 3, H, W] in 0..1 → [N, C, h, w], or [N, C] with pooling."""
        if tuple(inputs.shape[2:]) != self._size:
            inputs = functional.interpolate(inputs, self._size, mode="bilinear", antialias=False)
        mean, deviation = self._find_constants(inputs)
        features: torch.Tensor = self.trunk((inputs - mean) / deviation)
        return features.mean(dim=(2, 3)) if self.options.pooling == "average" else features

    def _find_constants(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self._constants is None or self._constants[0].device != like.device:
            with torch.inference_mode(False):  # a network that was evaluated is trained again
                mean, deviation = (like.new_tensor(v).view(-1, 1, 1) for v in (self._mean, self._deviation))
            self._constants = mean, deviation
        return self._constants

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        if self._given != self._size:
            sides, attributes = graph.constant(self._size), upsample.RESIZE["bilinear"]
            inputs = graph.add("Resize", inputs, None, None, sides, axes=[2, 3], **attributes)
        for operator, values in (("Sub", self._mean), ("Div", self._deviation)):
            per_channel = np.array(values, np.float32).reshape(-1, 1, 1)
            inputs = graph.add(operator, inputs, graph.tensor("constant", per_channel))
        with graph.scope("trunk"):
            if self.options.trunk:
                features = graph.apply(self.trunk, inputs)
            else:
                features = trunk_graphs.export(graph, self.trunk, inputs, self._size)
        if self.options.pooling == "average":
            return graph.add("ReduceMean", features, graph.constant((2, 3)), rank=2, keepdims=0)
        return features


def build(options: BackboneOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, 1 or 3) → (height', width', channels), or (channels,) with pooling.

    Grey images are seen as three equal channels.
    """
    if len(input_shape) != 3 or input_shape[2] not in (1, 3):
        raise kinds.LayerError("it needs a grey or colour image, of 1 or 3 channels, as its input")
    if options.unfreeze_last and not options.frozen:
        raise kinds.LayerError("unfreeze_last is for frozen backbones, but frozen is false; leave one out")
    size, shape = _plan_trained(options, input_shape) if _is_model(options) else _plan(options, input_shape)
    module = Backbone(options, (input_shape[0], input_shape[1]), size)
    return module, shape[2:] if options.pooling == "average" else shape


def describe(options: BackboneOptions) -> str:
    """`resnet50, weights default, frozen`."""
    words = [options.name, f"weights {options.weights}"]
    if options.frozen:
        words.append("frozen" + (f" but the last {options.unfreeze_last}" if options.unfreeze_last else ""))
    return ", ".join([*words, *(["average pooling"] if options.pooling == "average" else [])])


def _is_model(options: BackboneOptions) -> bool:
    return options.name.startswith(bases.PREFIX)


def _plan(options: BackboneOptions, input_shape: kinds.Shape) -> tuple[tuple[int, int], kinds.Shape]:
    size = _enlarge(input_shape[:2], options.smallest_side)
    return size, _measure(options.name, size)


def _plan_trained(options: BackboneOptions, input_shape: kinds.Shape) -> tuple[tuple[int, int], kinds.Shape]:
    trunk = options.trunk
    if trunk is None:
        raise kinds.LayerError(f"{options.name} is not known here")
    if not trunk.layers:
        raise kinds.LayerError(
            f"{options.name} makes no map of features of an image: take one with conv2d layers"
        )
    if trunk.input_shape[2] < input_shape[2]:
        raise kinds.LayerError(f"{options.name} has learnt from grey images, but these have colours")
    size = _enlarge(input_shape[:2], min(trunk.input_shape[:2]))
    return size, trained.build(trunk, size).output_shapes[-1]


def _normalisation(options: BackboneOptions) -> tuple[Sequence[float], Sequence[float]]:
    # A model trained here has learnt from pixels in 0..1, and has a mean and a deviation for each of its channels.
    if options.trunk:
        return [0.0] * options.trunk.input_shape[2], [1.0] * options.trunk.input_shape[2]
    return trunks.normalisation(options.name)


def _enlarge(sides: kinds.Shape, smallest: int) -> tuple[int, int]:
    height, width = sides
    shorter = min(height, width)
    if shorter >= smallest:
        return height, width
    return round(height * smallest / shorter), round(width * smallest / shorter)


def _measure(name: str, size: tuple[int, int]) -> kinds.Shape:
    try:
        return trunks.output_shape(name, *size)
    except RuntimeError as error:
        smallest = next((side for side in TRIED_SIDES if side > min(size) and _fits(name, side)), 224)
        raise kinds.LayerError(
            f"an image of {size[0]}×{size[1]} pixels is too small for {name}: set smallest_side to {smallest}"
        ) from error


def _fits(name: str, side: int) -> bool:
    try:
        return bool(trunks.output_shape(name, side, side))
    except RuntimeError:
        return False


BACKBONE = kinds.Kind("backbone", BackboneOptions, build, describe)

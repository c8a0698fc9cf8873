"""Networks: a layer list as a `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bessemer_server.domain import plans
from bessemer_server.layers import graphs, kinds, lists, shapes

FINAL = frozenset({"softmax", "linear", None})
"""Activations that a classifier may end with: its last layer gives scores, or what softmax makes of them."""
FINAL_OF_ONE = frozenset({"sigmoid", "linear", None})
"""The same where one unit tells two classes apart."""


class ImpossibleLayer(Exception):
    """The first layer of a list that cannot take its input. The message names it."""

    def __init__(self, index: int, layer: lists.Layer, reason: str, input_shape: kinds.Shape) -> None:
        super().__init__(f"layer {index} ({layer.kind.name}): {reason}; its input is {input_shape}")
        self.index = index


class Network(nn.Sequential):
    """The layers of a classifier, named by index, from inputs to logits.

    A final softmax, or sigmoid of one unit, is not part of it: losses are stable on logits, and `probabilities`
    applies it.
    """

    layers: Sequence[lists.Layer]
    output_shapes: Sequence[kinds.Shape]

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """[batch, classes], each row with sum 1."""
        return torch.softmax(class_logits(self(inputs)), dim=1)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """Every layer in ONNX's operators; the output is that of `forward`. Raises `graphs.NotExportable`, which names the
        layer.
        """
        value = inputs
        for index, module in enumerate(self):
            try:
                with graph.scope(str(index)):
                    value = graph.apply(module, value)
            except graphs.NotExportable as error:
                name = self.layers[index].kind.name
                raise graphs.NotExportable(f"layer {index} ({name}): {error}") from error
        return value

    def export_probabilities(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """The same for `probabilities`."""
        outputs = self.export(graph, inputs)
        if self.output_shapes[-1] == (1,):
            outputs = graph.add("Pad", outputs, graph.constant((0, 1, 0, 0)))
        return graph.add("Softmax", outputs, axis=1)

    def reseed(self, key: Callable[[int], int]) -> None:
        """Give each layer that draws numbers the key for its index."""
        for index, layer in enumerate(self):
            if isinstance(layer, kinds.Random):
                layer.reseed(key(index))


def class_logits(outputs: torch.Tensor) -> torch.Tensor:
    """What a classifier's network gives as one logit per class: one unit tells the second of two classes from the first.

    [N, 1] → [N, 2]: of (0, z) softmax makes 1 - sigmoid(z) and sigmoid(z).
    """
    return functional.pad(outputs, (1, 0)) if outputs.shape[1] == 1 else outputs


def build(layers: Sequence[lists.Layer], input_shape: kinds.Shape) -> Network:
    """The network on torch's meta device: shapes and counts, no memory. Raises `ImpossibleLayer`."""
    modules, shapes = [], []
    for index, layer in enumerate(layers):
        module, output_shape = _build_layer(index, layer, input_shape)
        if index == len(layers) - 1 and _gives_probabilities(layer, output_shape):
            module, output_shape = _build_layer(index, layer.with_activation("linear"), input_shape)
        modules.append(module)
        shapes.append(output_shape)
        input_shape = output_shape
    network = Network(*modules)
    network.layers, network.output_shapes = tuple(layers), tuple(shapes)
    return network


def end_fault(network: Network, classes: int) -> str | None:
    """What keeps the network from telling `classes` classes apart, as a sentence; None when nothing does."""
    last, shape = network.layers[-1], network.output_shapes[-1]
    if shape == (classes,) and last.activation in FINAL:
        return None
    if (shape, classes) == ((1,), 2) and last.activation in FINAL_OF_ONE:
        return None
    given = f"gives {shape[0]} outputs" if len(shape) == 1 else f"gives {shapes.name(shape)} of shape {shape}"
    if last.activation:
        given += f" with activation {last.activation}"
    right = f"{classes} outputs with activation softmax or linear"
    return f"the last layer {given}; it must give {right}{', or 1 with sigmoid' if classes == 2 else ''}"


def initialise(network: Network, generator: Callable[[int], torch.Generator]) -> Network:
    """Give a network from `build` memory on the CPU, and weights from one generator per layer index."""
    # Not `to_empty`: leaving the meta device by it imports sympy, which takes seconds.
    memory = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in network.state_dict().items()}
    network.load_state_dict(memory, assign=True)
    for index, layer in enumerate(network):
        if isinstance(layer, kinds.Initialisable):
            layer.initialise(generator(index))
        elif layer.state_dict():
            raise TypeError(f"{type(layer).__name__} has parameters or buffers but no method `initialise`")
    return network


def place(network: Network, device: torch.device) -> Network:
    """Move a network to a device, with filters channels-last in memory like the images they slide over."""
    # torch's annotation has no `memory_format` beside `device`.
    moved: Any = network.to(device)
    placed: Network = moved.to(memory_format=torch.channels_last)
    return placed


def summarise(network: Network) -> tuple[plans.LayerSummary, ...]:
    """One row per layer."""
    rows = zip(network, network.layers, network.output_shapes, strict=True)
    return tuple(
        plans.LayerSummary(
            index,
            layer.kind.name,
            shape,
            # Not the batches that torchvision's normalisation counts, which no output depends on.
            parameters=sum(t.numel() for t in module.state_dict().values() if t.is_floating_point()),
            trainable_parameters=sum(p.numel() for p in module.parameters() if p.requires_grad),
            detail=layer.kind.describe(layer.options),
        )
        for index, (module, layer, shape) in enumerate(rows)
    )


def _build_layer(index: int, layer: lists.Layer, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    try:
        with torch.device("meta"):
            return layer.kind.build(layer.options, input_shape)
    except kinds.LayerError as error:
        raise ImpossibleLayer(index, layer, str(error), input_shape) from error


def _gives_probabilities(layer: lists.Layer, output_shape: kinds.Shape) -> bool:
    return layer.activation == "softmax" or (layer.activation == "sigmoid" and output_shape == (1,))

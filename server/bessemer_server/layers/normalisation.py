"""Normalisation over the batch or over the features, with Keras's defaults."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn
from torch.nn import functional

from bessemer_server.layers import graphs, kinds, shapes
from bessemer_server.layers.options import Options

Epsilon = Annotated[float, pydantic.Field(gt=0, le=1)]


class BatchNormOptions(Options):
    """Gives each feature (of an image: each channel) mean 0 and deviation 1 over the batch, then scales and
    shifts it as it learns to; predictions use running means."""

    momentum: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.99
    """Share of a running mean that stays at each step, as in Keras (torch counts the other way round)."""
    epsilon: Epsilon = 1e-3
    """Added to the variance, so that nothing is divided by 0."""


class LayerNormOptions(Options):
    """Gives the features of each sample (of an image: the channels of each pixel) mean 0 and deviation 1, then
    scales and shifts them as it learns to."""

    epsilon: Epsilon = 1e-3
    """Added to the variance, so that nothing is divided by 0."""


class BatchNorm(nn.Module):
    """Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", 2015. The running variance is that of the batch without Bessel's correction, as in Keras 3."""

    moving_mean: torch.Tensor
    moving_variance: torch.Tensor

    def __init__(self, features: int, options: BatchNormOptions) -> None:
        super().__init__()
        self.options = options
        self.gamma = nn.Parameter(torch.empty(features))
        self.beta = nn.Parameter(torch.empty(features))
        self.register_buffer("moving_mean", torch.empty(features))
        self.register_buffer("moving_variance", torch.empty(features))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Means and shifts 0, variances and scales 1; draws nothing."""
        for tensor in (self.moving_mean, self.beta):
            tensor.zero_()
        for tensor in (self.moving_variance, self.gamma):
            tensor.fill_(1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        # Of a sequence (NLF) the features must come second, as those of images and tables do.
        is_sequence = inputs.ndim == 3
        outputs = self._normalise(inputs.movedim(-1, 1) if is_sequence else inputs)
        return outputs.movedim(1, -1) if is_sequence else outputs

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        swap = (0, 2, 1)
        features_second = graph.transpose(inputs, swap) if inputs.rank == 3 else inputs
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        tensors = (graph.tensor(name, getattr(self, name)) for name in names)
        outputs = graph.add("BatchNormalization", features_second, *tensors, epsilon=self.options.epsilon)
        return graph.transpose(outputs, swap) if inputs.rank == 3 else outputs

    def _normalise(self, inputs: torch.Tensor) -> torch.Tensor:
        epsilon = self.options.epsilon
        if not self.training:
            return functional.batch_norm(
                inputs, self.moving_mean, self.moving_variance, self.gamma, self.beta, eps=epsilon
            )
        # Not `functional.batch_norm`: that refuses a batch of one value, which the last of an epoch may be.
        outputs, mean, inverse_deviation = torch.native_batch_norm(
            inputs, self.gamma, self.beta, None, None, True, 0.0, epsilon
        )
        with torch.no_grad():
            change = 1 - self.options.momentum
            self.moving_mean.lerp_(mean, change)
            self.moving_variance.lerp_((inverse_deviation**-2 - epsilon).clamp_(min=0), change)
        return outputs


class LayerNorm(nn.Module):
    """Ba, Kiros and Hinton, "Layer Normalization", 2016."""

    def __init__(self, features: int, options: LayerNormOptions) -> None:
        super().__init__()
        self.epsilon = options.epsilon
        self.gamma = nn.Parameter(torch.empty(features))
        self.beta = nn.Parameter(torch.empty(features))

    def initialise(self, generator: torch.Generator) -> None:
        """Scales 1, shifts 0; draws nothing."""
        nn.init.ones_(self.gamma)
        nn.init.zeros_(self.beta)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = functional.layer_norm(
            shapes.to_last(inputs), self.gamma.shape, self.gamma, self.beta, self.epsilon
        )
        return shapes.from_last(outputs)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        tensors = (graph.tensor("gamma", self.gamma), graph.tensor("beta", self.beta))
        last = graph.to_last(inputs)
        return graph.from_last(graph.add("LayerNormalization", last, *tensors, epsilon=self.epsilon))


def build_batch_norm(options: BatchNormOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Takes every shape, and keeps it."""
    return BatchNorm(input_shape[-1], options), input_shape


def build_layer_norm(options: LayerNormOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Takes every shape, and keeps it."""
    return LayerNorm(input_shape[-1], options), input_shape


BATCH_NORM = kinds.Kind(
    "batch_norm", BatchNormOptions, build_batch_norm, lambda options: f"momentum {options.momentum:g}"
)
LAYER_NORM = kinds.Kind("layer_norm", LayerNormOptions, build_layer_norm)

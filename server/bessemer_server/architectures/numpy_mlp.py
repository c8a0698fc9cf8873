"""Multilayer perceptron, trained in NumPy."""

from __future__ import annotations

from typing import Literal

from bessemer_server.architectures import kinds, mlp
from bessemer_server.domain import plans


class NumpyMlpOptions(mlp.MlpOptions):
    """Options of `numpy_mlp`: those of `mlp`."""

    activation: Literal["linear", "relu", "sigmoid", "softmax", "tanh"] = "relu"
    """Activation function of the hidden layers: one of those whose derivative is written out."""


def layers(options: NumpyMlpOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """The network of `mlp`, learnt in NumPy alone: forward and back propagation written out, step by step.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986.
    """
    return mlp.layers(options, info)


NUMPY_MLP = kinds.Architecture("numpy_mlp", NumpyMlpOptions, layers, learner="numpy")

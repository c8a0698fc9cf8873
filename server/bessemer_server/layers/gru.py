"""Gated recurrent units."""

from __future__ import annotations

import torch
from torch import nn

from bessemer_server.layers import initialisers, kinds, recurrent


class GruOptions(recurrent.RecurrentOptions):
    """Gated recurrent unit: reads a sequence step by step, and decides how much of its state to renew."""


class GruCell(recurrent.Cell):
    """Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, in the form with the reset
    gate after the product and two biases (Keras: `reset_after=True`; also cuDNN's). Gates in torch's order reset,
    update, candidate; Keras's is update, reset, candidate."""

    gates = 3
    operator = "GRU"
    order = (1, 0, 2)
    export_attributes = {"linear_before_reset": 1}

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.bias = nn.Parameter(torch.empty(3 * units))
        self.recurrent_bias = nn.Parameter(torch.empty(3 * units))

    def initialise(self, name: initialisers.Name, generator: torch.Generator) -> None:
        """See `initialisers.recurrent_`."""
        biases = [self.bias, self.recurrent_bias]
        initialisers.recurrent_(self.kernel, self.recurrent_kernel, biases, name, generator)

    def export_biases(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Cell`."""
        return self.bias, self.recurrent_bias

    def run(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `Cell`."""
        state = inputs.new_zeros(1, len(inputs), self.units)
        weights: list[torch.Tensor] = [self.kernel, self.recurrent_kernel, self.bias, self.recurrent_bias]
        outputs: torch.Tensor = torch.gru(inputs, state, weights, True, 1, 0.0, self.training, False, True)[0]
        return outputs

    def run_masked(
        self, inputs: torch.Tensor, input_masks: torch.Tensor | None, masks: torch.Tensor
    ) -> torch.Tensor:
        """See `Cell`."""
        projected = self.project(inputs, input_masks, self.bias)
        kernels = self.recurrent_kernel.view(3, self.units, self.units).transpose(1, 2)
        biases = self.recurrent_bias.view(3, 1, self.units)
        state, states = inputs.new_zeros(len(inputs), self.units), []
        for step in projected.unbind(1):
            recurrent_part = torch.baddbmm(biases, state * masks, kernels)
            reset, update = torch.sigmoid(step[:2] + recurrent_part[:2])
            candidate = torch.tanh(torch.addcmul(step[2], reset, recurrent_part[2]))
            state = torch.lerp(candidate, state, update)
            states.append(state)
        return torch.stack(states, dim=1)


def build(options: GruOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(length, features) → (units,), or (length, units) with `return_sequences`."""
    return recurrent.build(GruCell, options, input_shape)


GRU = kinds.Kind("gru", GruOptions, build, recurrent.describe)

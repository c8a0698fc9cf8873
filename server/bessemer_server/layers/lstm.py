"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from bessemer_server.layers import initialisers, kinds, recurrent


class LstmOptions(recurrent.RecurrentOptions):
    """Long short-term memory: reads a sequence step by step, and decides what to keep in a cell, what to forget
    and what to show."""


class LstmCell(recurrent.Cell):
    """Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with forget gates (Gers et al., 2000) and one
    bias as in Keras. Gates in the order input, forget, candidate, output, which is Keras's and torch's."""

    gates = 4
    operator = "LSTM"
    order = (0, 3, 1, 2)

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.bias = nn.Parameter(torch.empty(4 * units))

    def initialise(self, name: initialisers.Name, generator: torch.Generator) -> None:
        """Keras's forget gate begins with bias 1: Jozefowicz et al., "An Empirical Exploration of Recurrent
        Network Architectures", 2015."""
        initialisers.recurrent_(self.kernel, self.recurrent_kernel, [self.bias], name, generator)
        if name == "keras":
            nn.init.ones_(self.bias.data[self.units : 2 * self.units])

    def export_biases(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Cell`."""
        return self.bias, torch.zeros_like(self.bias)

    def run(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `Cell`."""
        state = inputs.new_zeros(1, len(inputs), self.units)
        # torch has a second bias, which adds nothing.
        weights: list[torch.Tensor] = [
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            torch.zeros_like(self.bias),
        ]
        outputs: torch.Tensor = torch.lstm(
            inputs, (state, state), weights, True, 1, 0.0, self.training, False, True
        )[0]
        return outputs

    def run_masked(
        self, inputs: torch.Tensor, input_masks: torch.Tensor | None, masks: torch.Tensor
    ) -> torch.Tensor:
        """See `Cell`."""
        projected = self.project(inputs, input_masks, self.bias)
        kernels = self.recurrent_kernel.view(4, self.units, self.units)
        states: torch.Tensor = _Steps.apply(projected, kernels, masks)
        return states.transpose(0, 1)


class _Steps(torch.autograd.Function):
    """The steps of an LSTM whose state is masked per gate, and backpropagation through time.

    G gates, L steps, N samples, U units: projected [G, L, N, U], kernels [G, U (out), U (in)], masks [G, N, U] →
    states [L, N, U]. Written out, because autograd keeps a graph of a dozen nodes for each step, and adds up the
    kernels' gradient step by step where one product over all steps does it.
    """

    @staticmethod
    def forward(
        ctx: Any, projected: torch.Tensor, kernels: torch.Tensor, masks: torch.Tensor
    ) -> torch.Tensor:
        _, length, count, units = projected.shape
        transposed = kernels.transpose(1, 2).contiguous()
        gates = torch.empty_like(projected.transpose(0, 1), memory_format=torch.contiguous_format)
        states = projected.new_zeros(length + 1, count, units)
        cells = projected.new_zeros(length + 1, count, units)
        for t in range(length):
            gate = gates[t]
            torch.baddbmm(projected[:, t], states[t] * masks, transposed, out=gate)
            gate[:2].sigmoid_()
            gate[2].tanh_()
            gate[3].sigmoid_()
            torch.mul(gate[1], cells[t], out=cells[t + 1]).addcmul_(gate[0], gate[2])
            torch.mul(gate[3], cells[t + 1].tanh(), out=states[t + 1])
        ctx.save_for_backward(kernels, masks, gates, states, cells)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (above,) = gradients
        kernels, masks, gates, states, cells = ctx.saved_tensors
        length, slope = len(gates), torch.empty_like(gates)
        squashed = cells[1:].tanh()
        # Slopes of the activations, for all steps at once: σ' = σ (1 - σ), tanh' = 1 - tanh².
        i, f, g, o = gates.unbind(1)
        by_cell = torch.stack([g * i * (1 - i), cells[:-1] * f * (1 - f), i * (1 - g * g)], dim=1)
        by_state = squashed * o * (1 - o)
        through = o * (1 - squashed * squashed)
        state = torch.zeros_like(states[0])
        cell = torch.zeros_like(state)
        for t in reversed(range(length)):
            state = state + above[t]
            cell.addcmul_(state, through[t])
            torch.mul(by_cell[t], cell, out=slope[t, :3])
            torch.mul(by_state[t], state, out=slope[t, 3])
            cell *= f[t]
            state = torch.bmm(slope[t], kernels).mul_(masks).sum(0)
        slopes = slope.transpose(0, 1)
        masked = states[:-1] * masks[:, None]
        by_kernel = torch.bmm(slopes.flatten(1, 2).transpose(1, 2), masked.flatten(1, 2))
        return slopes, by_kernel, None


def build(options: LstmOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(length, features) → (units,), or (length, units) with `return_sequences`."""
    return recurrent.build(LstmCell, options, input_shape)


LSTM = kinds.Kind("lstm", LstmOptions, build, recurrent.describe)

"""What recurrent layers share: options, masks, and both directions of a sequence."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import graphs, initialisers, kinds, shapes
from bessemer_server.layers.options import Options

Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]
EXAMPLES: list[pydantic.types.JsonValue] = [
    {"units": 128, "dropout": 0.2, "recurrent_dropout": 0.2},
    {"units": 8, "dropout": 0.2, "return_sequences": True},
    {"units": 8, "recurrent_dropout": 0.2, "return_sequences": True, "bidirectional": True},
    {"units": 8, "bidirectional": True, "initializer": "torch"},
]


class RecurrentOptions(Options):
    """Base of the options of recurrent layers."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": EXAMPLES})

    units: Annotated[int, pydantic.Field(ge=1, le=16_384)]
    """Size of the state, from 1 to 16,384; with `bidirectional` the output has twice as many."""
    dropout: Rate = 0.0
    """Share of the inputs that is dropped while training, the same at each step of a sequence."""
    recurrent_dropout: Rate = 0.0
    """Share of the state that is dropped before each step while training, the same at each step of a sequence.
    Several times slower than without it."""
    return_sequences: bool = False
    """Whether to give the state after each step, not the last one alone."""
    bidirectional: bool = False
    """Whether a second set of weights reads the sequence backwards."""
    initializer: initialisers.Name = "keras"
    """Initial weights, as one of these libraries draws them: keras Glorot uniform, orthogonal for the recurrent
    part, zero bias (an LSTM's forget gate 1); torch uniform by the number of units."""


class Cell(nn.Module):
    """The weights of one direction. A subclass says what they compute.

    `kernel` [gates · units, inputs], `recurrent_kernel` [gates · units, units].
    """

    gates: int

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units = units
        self.kernel = nn.Parameter(torch.empty(self.gates * units, inputs))
        self.recurrent_kernel = nn.Parameter(torch.empty(self.gates * units, units))

    def initialise(self, name: initialisers.Name, generator: torch.Generator) -> None:
        """Draw the weights."""
        raise NotImplementedError

    def run(self, inputs: torch.Tensor) -> torch.Tensor:
        """[N, L, inputs] → states [N, L, units], by torch's fused kernel."""
        raise NotImplementedError

    def run_masked(
        self, inputs: torch.Tensor, input_masks: torch.Tensor | None, masks: torch.Tensor
    ) -> torch.Tensor:
        """The same with a mask per gate: [gates, N, inputs] or None, and [gates, N, units]."""
        raise NotImplementedError

    operator: str
    """ONNX's operator for it."""
    order: tuple[int, ...]
    """Where each of ONNX's gates lies among ours."""
    export_attributes: dict[str, int] = {}

    def export_biases(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of the inputs and of the state, each [gates · units]."""
        raise NotImplementedError

    def export_tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Kernel, recurrent kernel and both biases, the gates in ONNX's order."""
        kernel, recurrent, *biases = (
            torch.cat([tensor.unflatten(0, (self.gates, self.units))[gate] for gate in self.order])
            for tensor in (self.kernel, self.recurrent_kernel, *self.export_biases())
        )
        return kernel, recurrent, torch.cat(biases)

    def project(self, inputs: torch.Tensor, masks: torch.Tensor | None, bias: torch.Tensor) -> torch.Tensor:
        """The part of each gate that depends on the inputs alone, for all steps in one product: [N, L, inputs],
        masks [gates, N, inputs] or None → [gates, L, N, units]."""
        count, length, size = inputs.shape
        steps = inputs.transpose(0, 1)
        masked = steps.expand(self.gates, -1, -1, -1) if masks is None else steps * masks[:, None]
        kernels = self.kernel.view(self.gates, self.units, size).transpose(1, 2)
        biases = bias.view(self.gates, 1, self.units)
        flat = torch.baddbmm(biases, masked.reshape(self.gates, length * count, size), kernels)
        return flat.view(self.gates, length, count, self.units)


class Recurrent(nn.Module):
    """One cell, or two of which the second reads backwards, with Keras's dropout.

    Without recurrent dropout one mask serves all gates. With it each gate has its own two, for its inputs and
    for its state: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural
    Networks", 2016. All masks of a step come from one key.
    """

    def __init__(self, cell: type[Cell], inputs: int, options: RecurrentOptions) -> None:
        super().__init__()
        self.options = options
        self.ahead = cell(inputs, options.units)
        self.back = cell(inputs, options.units) if options.bidirectional else None
        self._key = 0

    def initialise(self, generator: torch.Generator) -> None:
        """See `initialisers.recurrent_`."""
        self.ahead.initialise(self.options.initializer, generator)
        if self.back is not None:
            self.back.initialise(self.options.initializer, generator)

    def reseed(self, key: int) -> None:
        """Set the key of the next masks."""
        self._key = key

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        generator = None
        if self.training and (self.options.dropout or self.options.recurrent_dropout):
            generator = torch.Generator(inputs.device).manual_seed(self._key)
        ahead = self._run(self.ahead, inputs, generator)
        if self.back is None:
            return ahead if self.options.return_sequences else ahead[:, -1]
        back = self._run(self.back, inputs.flip(1), generator)
        if self.options.return_sequences:
            return torch.cat([ahead, back.flip(1)], dim=2)
        return torch.cat([ahead[:, -1], back[:, -1]], dim=1)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`; D directions, of which ONNX gives sequences [L, D, N, units] and last states
        [D, N, units].
        """
        cells = [self.ahead] if self.back is None else [self.ahead, self.back]
        parts = zip(*(cell.export_tensors() for cell in cells), strict=True)
        names = ("kernel", "recurrent_kernel", "bias")
        tensors = [graph.tensor(n, torch.stack(part)) for n, part in zip(names, parts, strict=True)]
        sequences = self.options.return_sequences
        outputs = graph.add(
            self.ahead.operator,
            graph.transpose(inputs, (1, 0, 2)),
            *tensors,
            rank=4 if sequences else 3,
            output=0 if sequences else 1,
            hidden_size=self.options.units,
            direction="bidirectional" if self.back is not None else "forward",
            **self.ahead.export_attributes,
        )
        batch_first = graph.transpose(outputs, (2, 0, 1, 3) if sequences else (1, 0, 2))
        size = self.options.units * len(cells)
        shape = (0, 0, size) if sequences else (0, size)
        return graph.add("Reshape", batch_first, graph.constant(shape), rank=len(shape))

    def _run(self, cell: Cell, inputs: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        if generator is None:
            return cell.run(inputs)
        count, _, size = inputs.shape
        gates = cell.gates if self.options.recurrent_dropout else 1
        input_masks = None
        if self.options.dropout:
            input_masks = _mask(inputs, (gates, count, size), self.options.dropout, generator)
        if not self.options.recurrent_dropout:
            return cell.run(inputs if input_masks is None else inputs * input_masks[0][:, None])
        shape = (gates, count, cell.units)
        masks = _mask(inputs, shape, self.options.recurrent_dropout, generator)
        return cell.run_masked(inputs, input_masks, masks)


def build(
    cell: type[Cell], options: RecurrentOptions, input_shape: kinds.Shape
) -> tuple[nn.Module, kinds.Shape]:
    """(length, features) → (units,), or (length, units) with `return_sequences`."""
    shapes.need_sequence(input_shape)
    length, size = input_shape
    units = options.units * (2 if options.bidirectional else 1)
    module = Recurrent(cell, size, options)
    return module, (length, units) if options.return_sequences else (units,)


def describe(options: RecurrentOptions) -> str:
    """`128 units, dropout 0.2, recurrent dropout 0.2`."""
    words = [f"{options.units} units"]
    if options.bidirectional:
        words.append("bidirectional")
    if options.dropout:
        words.append(f"dropout {options.dropout:g}")
    if options.recurrent_dropout:
        words.append(f"recurrent dropout {options.recurrent_dropout:g}")
    if options.return_sequences:
        words.append("sequences")
    return ", ".join(words)


def _mask(
    like: torch.Tensor, shape: tuple[int, ...], rate: float, generator: torch.Generator
) -> torch.Tensor:
    """0 for what is dropped, else 1 / (1 - rate)."""
    return like.new_empty(shape).bernoulli_(1 - rate, generator=generator).div_(1 - rate)

"""An optimizer at work on the parameters of one network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.training.optimizers import kinds


class Updater:
    """Parameters with their slots.

    torch's functions are called, not its optimizer classes: the first of those imports torch._dynamo, which
    takes seconds, and each of their steps costs more. The bytes are the same.
    """

    def __init__(
        self,
        kind: kinds.Optimizer[Any],
        options: kinds.OptimizerOptions,
        parameters: Mapping[str, torch.nn.Parameter],
    ) -> None:
        self._kind = kind
        self._options = options
        self._parameters = dict(parameters)
        self._slots = {name: kind.slots(options, p.detach()) for name, p in parameters.items()}
        devices = {p.device.type for p in parameters.values()}
        self._fused = devices <= {"cpu", "cuda"}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter by its gradient."""
        parameters = list(self._parameters.values())
        slots: dict[str, list[torch.Tensor]] = {}
        for of_parameter in self._slots.values():
            for slot, tensor in of_parameter.items():
                slots.setdefault(slot, []).append(tensor)
        gradients = [p.grad for p in parameters if p.grad is not None]
        batch = kinds.Update(list(parameters), gradients, slots, learning_rate, self._fused)
        self._kind.update(self._options, batch)

    def state(self) -> dict[str, torch.Tensor]:
        """The live slots as `<parameter>/<slot>`."""
        return {
            f"{name}/{slot}": tensor
            for name, of_parameter in self._slots.items()
            for slot, tensor in of_parameter.items()
        }

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Give the slots the values of an earlier `state`; where they lie in memory stays as it is."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

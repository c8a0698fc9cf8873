"""The state of a torch optimizer as named tensors: `<parameter>/<slot>`."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def export(
    optimizer: torch.optim.Optimizer, names: Mapping[str, torch.nn.Parameter]
) -> dict[str, torch.Tensor]:
    """The live tensors, e.g. `0.weight/exp_avg`; none before the first step."""
    return {
        f"{name}/{slot}": value
        for name, parameter in names.items()
        for slot, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def load(
    optimizer: torch.optim.Optimizer,
    names: Mapping[str, torch.nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
) -> None:
    """Put back what `export` gave."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for index, (name, parameter) in enumerate(names.items()):
        slots = {key.split("/", 1)[1]: t for key, t in tensors.items() if key.split("/", 1)[0] == name}
        if slots:
            state[index] = {slot: _like(parameter, tensor) for slot, tensor in slots.items()}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _like(parameter: torch.nn.Parameter, tensor: torch.Tensor) -> torch.Tensor:
    """A copy that lies in memory as the parameter does: fused kernels go through both side by side."""
    if tensor.shape != parameter.shape:
        return tensor.clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)

"""Trunks: torchvision's classification networks without their heads, by torchvision's names.

torchvision is imported when the first trunk is asked for, and without torch's compiler, which takes it from five
seconds to half of one.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from bessemer_server.domain import errors
from bessemer_server.layers import kinds

HEADS = ("avgpool", "classifier", "fc")
"""Where the head begins: names of torchvision's modules after the last feature map."""
CONTAINERS = ("features", "layers", "trunk_output")
"""Modules whose own children are the blocks of a trunk."""
FIXED_SIZE = ("vit_", "maxvit")
"""Families that take images of one size only, and have no feature map: not offered."""
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of the pixels of ImageNet, red, green, blue, in 0..1: those of torchvision's transforms."""
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
"""What googlenet and inception_v3 were trained with (torchvision's `transform_input`)."""


def check(name: str) -> str:
    """The name, if there is such a trunk. Raises `ValueError`."""
    if name not in names():
        raise ValueError(f"{name!r} is unknown; {errors.suggest(name, names())}")
    return name


@functools.cache
def names() -> Sequence[str]:
    """Names of all trunks."""
    models = _models()
    return [name for name in models.list_models(module=models) if not name.startswith(FIXED_SIZE)]


def build(name: str) -> nn.Sequential:
    """The trunk on the meta device: names of tensors as in torchvision, [N, 3, H, W] → [N, C, h, w]."""
    trunk = _skeleton(name)
    _replace(trunk, lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device="meta"))
    return trunk


def blocks(trunk: nn.Sequential) -> list[nn.Module]:
    """The top-level blocks that have parameters, in order."""
    found: list[nn.Module] = []
    for name, child in trunk.named_children():
        found += child.children() if name in CONTAINERS else [child]
    return [block for block in found if any(True for _ in block.parameters())]


@functools.lru_cache(maxsize=256)
def output_shape(name: str, height: int, width: int) -> kinds.Shape:
    """(h, w, channels) of the feature map. Raises `RuntimeError` for an image that is too small.

    Found by a run on the CPU with weights that are one zero each, seen as any shape: half a second for resnet50 on
    224×224. On the meta device it would cost no arithmetic, but the import of sympy, which takes longer.
    """
    trunk = _skeleton(name).eval()
    with torch.device("cpu"), torch.no_grad():
        _replace(trunk, lambda tensor: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape))
        _, channels, *sides = trunk(torch.zeros(1, 3, height, width)).shape
    return (*sides, channels)


def random_weights(name: str, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Tensors as torchvision initialises them, all of their randomness from the generator."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        return dict(_without_head(name, _model(name)).state_dict())


def address(name: str) -> str:
    """URL of torchvision's own best weights; its file name ends with the first digits of the SHA-256 digest."""
    url: str = _models().get_model_weights(name).DEFAULT.url
    return url


def normalisation(name: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation per channel that the published weights expect."""
    return HALVES if name in WITH_AUXILIARY_HEADS else IMAGENET


def _skeleton(name: str) -> nn.Sequential:
    """The trunk with weights that nobody has written: on the CPU they cost addresses, not memory."""
    with torch.device("cpu"), _Uninitialised():
        return _without_head(name, _model(name))


def _model(name: str) -> nn.Module:
    options = {"init_weights": False, "aux_logits": False} if name in WITH_AUXILIARY_HEADS else {}
    model: nn.Module = _models().get_model_builder(name)(**options)
    return model


def _without_head(name: str, model: nn.Module) -> nn.Sequential:
    trunk = nn.Sequential()
    for child, module in model.named_children():
        if child in HEADS:
            break
        trunk.add_module(child, module)
    if name.startswith("densenet"):
        trunk.add_module("relu", nn.ReLU())  # a function between features and head there
    return trunk


def _replace(trunk: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    for module in trunk.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(change(parameter), parameter.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            # What is computed rather than learnt, as the indices of swin's windows, has to be right.
            if buffer.is_floating_point() or buffer.ndim == 0:
                setattr(module, name, change(buffer))


class _Uninitialised(TorchFunctionMode):
    """Leaves parameters as they come: functions that would write into one do nothing."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        writes = name.endswith("_") and not name.startswith("_") and name != "requires_grad_"
        if writes and args and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **(kwargs or {}))


@functools.cache
def _models() -> Any:
    with _without_compiler():
        import torchvision.models
    return torchvision.models


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep torchvision from importing torch._dynamo, of which its detection operators want one function.

    That function is there afterwards as well, and imports the compiler if it is ever called.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return

    def is_compile_supported(device: str) -> bool:
        from torch._dynamo import utils as real

        return bool(real.is_compile_supported(device))

    package, utils = types.ModuleType("torch._dynamo"), types.ModuleType("torch._dynamo.utils")
    package.__path__ = []
    utils.is_compile_supported = is_compile_supported  # type: ignore[attr-defined]
    sys.modules |= {package.__name__: package, utils.__name__: utils}
    try:
        yield
    finally:
        del sys.modules[package.__name__], sys.modules[utils.__name__]

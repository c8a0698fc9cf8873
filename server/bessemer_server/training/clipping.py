"""Limits on gradients: on their length together (Pascanu, Mikolov and Bengio, 2013), or on each number."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import utils

from bessemer_server.training.config import TrainingConfig


def clip(parameters: Iterable[torch.nn.Parameter], config: TrainingConfig) -> None:
    """Shorten gradients in place, where the configuration says so."""
    if config.gradient_clip_norm is not None:
        utils.clip_grad_norm_(parameters, config.gradient_clip_norm)
    elif config.gradient_clip_value is not None:
        utils.clip_grad_value_(parameters, config.gradient_clip_value)

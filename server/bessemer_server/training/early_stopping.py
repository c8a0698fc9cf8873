"""Early stopping: a pure rule over the values of one epoch metric."""

from __future__ import annotations

import dataclasses
from typing import Any

from bessemer_server.domain import metrics
from bessemer_server.training.config import EarlyStoppingConfig


@dataclasses.dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Where the rule stands after some epochs."""

    best: float | None = None
    """Best value so far; None before the first epoch."""
    idle_epochs: int = 0
    """Epochs since the last improvement."""

    def after(self, value: float, config: EarlyStoppingConfig) -> EarlyStopping:
        """Where it stands after one more epoch, which ended with `value`."""
        gain = 0.0 if self.best is None else self.best - value
        if not metrics.falls(config.monitor):
            gain = -gain
        if self.best is None or gain > config.min_delta:
            return EarlyStopping(value, 0)
        return EarlyStopping(self.best, self.idle_epochs + 1)

    @property
    def is_best(self) -> bool:
        """Whether the last epoch was the best one."""
        return self.best is not None and self.idle_epochs == 0

    def is_over(self, config: EarlyStoppingConfig) -> bool:
        """Whether patience has run out."""
        return self.idle_epochs >= config.patience

    def to_json(self) -> dict[str, Any]:
        """State for a snapshot."""
        return dataclasses.asdict(self)

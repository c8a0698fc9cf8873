"""torch, operator by operator: what training runs, and the measure of every other engine."""

from __future__ import annotations

import torch

from bessemer_server.training import published
from bessemer_server.training.engines import kinds


class TorchEager:
    """Runs the network as it is."""

    def __init__(self, model: published.Published) -> None:
        self._model = model

    def run(self, inputs: kinds.Array) -> kinds.Array:
        """See `kinds.Engine`."""
        # A copy: what comes in may be read-only, and results may depend on alignment.
        raw = torch.tensor(inputs, device=self._model.device)
        outputs: kinds.Array = self._model.forward(raw).cpu().numpy()
        return outputs


TORCH = kinds.Kind("torch", lambda model, threads: TorchEager(model))

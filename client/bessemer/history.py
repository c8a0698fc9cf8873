"""The metrics of a job, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bessemer.v1 import jobs_pb2

STEP = jobs_pb2.Metric.STEP


class History(Mapping[str, list[float]]):
    """Epoch metrics, e.g. `history["val/accuracy"]`, one value per epoch; test metrics have one value."""

    def __init__(self, epochs: dict[str, list[float]], steps: dict[str, list[float]]) -> None:
        self._epochs = epochs
        self.steps = steps
        """Step metrics by name, one value per step."""

    def __getitem__(self, name: str) -> list[float]:
        return self._epochs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    def __repr__(self) -> str:
        return f"<History {', '.join(f'{name} ×{len(values)}' for name, values in self._epochs.items())}>"


def collect(metrics: Iterable[jobs_pb2.Metric]) -> History:
    """The history that these metrics make, which are in the order of their steps."""
    epochs: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    for metric in metrics:
        target = steps if metric.scope == STEP else epochs
        target.setdefault(metric.name, []).append(metric.value)
    return History(epochs, steps)

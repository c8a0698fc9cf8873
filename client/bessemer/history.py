"""The metrics of a job, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bessemer.transport import Transport
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


def fetch(transport: Transport, job_id: str) -> History:
    """All metrics of a job, in the order of their steps."""
    epochs: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    request = jobs_pb2.ListMetricsRequest(id=job_id)
    while True:
        page = transport.call(transport.jobs.ListMetrics, request)
        for metric in page.metrics:
            target = steps if metric.scope == STEP else epochs
            target.setdefault(metric.name, []).append(metric.value)
        if not page.next_page_token:
            return History(epochs, steps)
        request.page_token = page.next_page_token

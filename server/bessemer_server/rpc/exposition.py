"""Metrics for Prometheus, read off the counters that ModelStatistics tells too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import prometheus_client
from prometheus_client import core, registry

from bessemer_server.domain import errors
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.histograms import Histogram
from bessemer_server.serving.statistics import ModelStatistics

LABELS = ("model", "version")
HISTOGRAMS: Mapping[str, tuple[str, Callable[[ModelStatistics], Histogram]]] = {
    "bessemer_inference_request_seconds": (
        "From the arrival of a request to its answer.",
        lambda found: found.request,
    ),
    "bessemer_inference_queue_seconds": (
        "Of a request, waiting for the predictor.",
        lambda found: found.queue,
    ),
    "bessemer_inference_input_seconds": (
        "Of a request, joining its batch.",
        lambda found: found.input,
    ),
    "bessemer_inference_compute_seconds": (
        "Of a request, its batch in the predictor: preprocessing, the model, the way there and back.",
        lambda found: found.infer,
    ),
    "bessemer_inference_output_seconds": (
        "Of a request, splitting the answer of its batch.",
        lambda found: found.output,
    ),
    "bessemer_inference_batch_rows": ("Rows of a batch.", lambda found: found.rows),
}
COUNTERS: Mapping[str, tuple[str, Callable[[ModelStatistics], int]]] = {
    "bessemer_inference_successes": ("Requests that were answered.", lambda found: found.request.count),
    "bessemer_inference_failures": ("Requests that failed.", lambda found: found.fail.count),
    "bessemer_inference_rows": ("Rows that were predicted.", lambda found: found.rows.total),
    "bessemer_inference_batches": ("Batches that were computed.", lambda found: found.rows.count),
}


class Metrics(registry.Collector):
    """What is known of predictions at the moment."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[core.Metric]:
        """One family after the other; from a thread of its own."""
        counted = self._fleet.statistics
        models = [((name, str(version)), counted.of((name, version))) for name, version in counted.models()]
        for name, (text, read_histogram) in HISTOGRAMS.items():
            family = core.HistogramMetricFamily(name, text, labels=LABELS)
            for labels, found in models:
                histogram = read_histogram(found)
                family.add_metric(labels, histogram.cumulative(), histogram.sum)
            yield family
        for name, (text, read) in COUNTERS.items():
            counter = core.CounterMetricFamily(name, text, labels=LABELS)
            for labels, found in models:
                counter.add_metric(labels, read(found))
            yield counter
        requests, rows = self._fleet.waiting
        yield core.GaugeMetricFamily("bessemer_inference_waiting_requests", "Waiting.", requests)
        yield core.GaugeMetricFamily("bessemer_inference_waiting_rows", "Waiting.", rows)
        yield self._memory()

    def _memory(self) -> core.Metric:
        family = core.GaugeMetricFamily(
            "bessemer_model_memory_bytes", "What a loaded model was measured to take.", labels=LABELS
        )
        for name, version, size_bytes in self._fleet.memory():
            family.add_metric((name, str(version)), size_bytes)
        return family


@contextlib.contextmanager
def serve(listen: str, fleet: Fleet) -> Iterator[None]:
    """Answer Prometheus at `listen`, HOST:PORT, as long as the block lasts. Raises `FailedPrecondition` when the port is
    taken.
    """
    host, _, port = listen.rpartition(":")
    collectors = registry.CollectorRegistry()
    collectors.register(Metrics(fleet))
    try:
        server, thread = prometheus_client.start_http_server(int(port), host.strip("[]"), collectors)
    except OSError as error:
        raise errors.FailedPrecondition(
            f"cannot listen on {listen} for metrics: {error.strerror or error}; choose another --metrics-listen"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

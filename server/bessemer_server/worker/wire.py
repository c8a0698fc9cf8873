"""Domain types to and from `bessemer.worker.v1`: used at both ends, by the trainer and by `rpc/worker.py`."""

from __future__ import annotations

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer_server.domain import checkpoints, jobs, metrics


def manifest_to_wire(manifest: checkpoints.Manifest) -> pb.Manifest:
    """As a message."""
    tensors = [
        pb.TensorEntry(name=t.name, dtype=t.dtype, shape=t.shape, digests=t.digests, size_bytes=t.size_bytes)
        for t in manifest.tensors
    ]
    return pb.Manifest(
        epoch=manifest.epoch, step=manifest.step, tensors=tensors, state_json=manifest.state_json
    )


def manifest_from_wire(message: pb.Manifest) -> checkpoints.Manifest:
    """From a message."""
    tensors = tuple(
        checkpoints.TensorEntry(t.name, t.dtype, tuple(t.shape), tuple(t.digests), t.size_bytes)
        for t in message.tensors
    )
    return checkpoints.Manifest(message.epoch, message.step, tensors, message.state_json or "{}")


def metric_to_wire(metric: metrics.Metric) -> pb.MetricPoint:
    """As a message."""
    return pb.MetricPoint(
        scope=int(metric.scope), name=metric.name, step=metric.step, epoch=metric.epoch, value=metric.value
    )


def metric_from_wire(message: pb.MetricPoint) -> metrics.Metric:
    """From a message."""
    return metrics.Metric(
        metrics.Scope(message.scope), message.name, message.step, message.epoch, message.value
    )


def progress_to_wire(progress: jobs.Progress) -> pb.Progress:
    """As a message; an unknown ETA is negative."""
    return pb.Progress(
        epoch=progress.epoch,
        epochs=progress.epochs,
        step=progress.step,
        steps=progress.steps,
        samples_per_second=progress.samples_per_second,
        eta_seconds=-1.0 if progress.eta_s is None else progress.eta_s,
    )


def progress_from_wire(message: pb.Progress) -> jobs.Progress:
    """From a message."""
    return jobs.Progress(
        epoch=message.epoch,
        epochs=message.epochs,
        step=message.step,
        steps=message.steps,
        samples_per_second=message.samples_per_second,
        eta_s=None if message.eta_seconds < 0 else message.eta_seconds,
    )

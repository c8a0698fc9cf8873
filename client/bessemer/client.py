"""The blocking face of the SDK."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from bessemer import _calls, _specs, catalog
from bessemer.datasets import Datasets
from bessemer.jobs import Job, Jobs
from bessemer.models import Models
from bessemer.transport import Transport
from bessemer.v1 import catalog_pb2

DEFAULT_ADDRESS = "localhost:50051"


class Client:
    """A connection to a Bessemer service; make one with `bessemer.connect`. A context manager."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.jobs = Jobs(transport)
        self.models = Models(transport)
        self.datasets = Datasets(transport)

    def __repr__(self) -> str:
        return f"<bessemer.Client {self.address}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Where the service listens."""
        return self._transport.address

    def train(
        self,
        architecture: str,
        *,
        dataset: str,
        name: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        early_stopping: Mapping[str, Any] | None = None,
        loss: str | None = None,
        label_smoothing: float | None = None,
        class_weights: str | Mapping[str, float] | Mapping[int, float] | None = None,
        metrics: Sequence[str] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        l1: float | None = None,
        l2: float | None = None,
        gradient_clip_norm: float | None = None,
        gradient_clip_value: float | None = None,
        augmentation: Sequence[str | Mapping[str, Any]] | None = None,
        text: Mapping[str, Any] | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        validation_split: float | None = None,
        validation_dataset: str | None = None,
        test_split: float | None = None,
        priority: int = 0,
        max_runtime: float | datetime.timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a training job. When this returns, the job survives whatever happens to the service.

        Args:
            architecture: one of `architectures()`.
            dataset: one of `datasets.list()`.
            name: the model is published under it; by default `<architecture>-<dataset>`.
            epochs: passes over the training split.
            batch_size: samples per step.
            seed: key of every random draw; the same seed gives the same model.
            optimizer: a name, or a dict with `kind` and the optimizer's options.
            options: the architecture's own options.
            early_stopping: `monitor` (val/loss), `patience` (3), `min_delta` (0).
            loss: `cross_entropy`, `binary_cross_entropy` (two classes, one sigmoid unit at the end) or `mse`.
            label_smoothing: share of the target that is spread over all classes.
            class_weights: `balanced`, or how much the samples of a label count in training, by label; else 1.
            metrics: measured beside loss and accuracy: `top_5_accuracy`, `precision`, `recall`, `f1`, `roc_auc`.
            schedule: of the learning rate: constant, cosine, exponential or step, or a dict with `kind` and its
                options, e.g. `warmup_epochs`.
            l1: times the absolute weights, over the samples of the batch, are added to the loss.
            l2: times the squared weights, over twice the samples of the batch, are added to the loss.
            gradient_clip_norm: all gradients together are shortened to this length.
            gradient_clip_value: each number of a gradient is kept between minus this and this.
            augmentation: what is changed at random in training images, e.g. `["flip", {"crop": {"padding": 4}}]`.
            text: of a data set of texts: `vocabulary` (10,000 words) and `length` (the last 100 of each text).
            checkpoint: when to save: `every_epochs` (1), `every_steps`, `every_seconds`; and what is kept: `keep_last`
                (3), `keep_best` (True, or a metric), `keep_every` (epochs).
            validation_split: share of the training split held out for validation.
            validation_dataset: a data set to validate on in place of that share, with the same kind, shape and labels.
            test_split: share held out for testing, where the data set has no test split of its own.
            priority: from -100 to 100; of the jobs that wait, the highest starts first, then the oldest.
            max_runtime: seconds for which it may hold a slot, all attempts together; then it saves a checkpoint and fails
                with DEADLINE. By default for ever.
            idempotency_key: the same key with the same arguments gives the same job, for ever; made when absent.

        Raises:
            InvalidArgument: with every faulty argument in `.violations`.
            AlreadyExists: the key was used with other arguments.

        """
        spec = _specs.build_spec(
            architecture,
            dataset,
            options,
            optimizer,
            early_stopping,
            loss=loss,
            label_smoothing=label_smoothing,
            class_weights=class_weights,
            metrics=metrics,
            schedule=schedule,
            l1=l1,
            l2=l2,
            gradient_clip_norm=gradient_clip_norm,
            gradient_clip_value=gradient_clip_value,
            augmentation=augmentation,
            text=text,
            checkpoint=checkpoint,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            validation_split=validation_split,
            validation_dataset=validation_dataset,
            test_split=test_split,
        )
        request = _calls.build_create(spec, name, idempotency_key, priority, max_runtime)
        return Job(self._transport, self._transport.call(self._transport.jobs.CreateJob, request))

    def summary(
        self,
        architecture: str,
        *,
        dataset: str,
        options: Mapping[str, Any] | None = None,
        loss: str | None = None,
    ) -> catalog.Summary:
        """Layers, shapes and parameter counts of a model, before any training. Raises as `train`."""
        request = catalog_pb2.SummarizeModelRequest(
            spec=_specs.build_spec(architecture, dataset, options, loss=loss)
        )
        return catalog.parse_summary(self._transport.call(self._transport.catalog.SummarizeModel, request))

    def architectures(self) -> list[catalog.Architecture]:
        """What can be trained, with the JSON schema of the options of each."""
        request = catalog_pb2.ListArchitecturesRequest()
        found = self._transport.call(self._transport.catalog.ListArchitectures, request)
        return [catalog.parse_architecture(message) for message in found.architectures]

    def close(self) -> None:
        """End the connection. Jobs go on."""
        self._transport.close()


def connect(
    address: str = DEFAULT_ADDRESS, *, token: str | None = None, tls: bool = False, timeout: float = 60.0
) -> Client:
    """A client of the service at `address` (HOST:PORT). Connects at the first call; `timeout` is in seconds per call.

    Raises `InvalidArgument` for what is no address.
    """
    return Client(Transport(address, token, tls, timeout))

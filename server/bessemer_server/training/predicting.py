"""Predictions over a data set, from a specification to the last sample: a job of steps like training, without epochs.

Each step is one batch, always of the same samples, by torch alone: whatever happens between two steps, the bytes of the
result are the same. Letters: N samples, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bessemer_server.data import sources
from bessemer_server.domain import errors, jobs, predictions
from bessemer_server.training import checkpointing, devices, failures, inference, pace, subsets
from bessemer_server.training.asking import PredictionConfig
from bessemer_server.training.contract import Environment, Observer, Predicted, Snapshot, Stopped


def run(
    spec: Mapping[str, Any], environment: Environment, observer: Observer, resume: Snapshot | None = None
) -> Predicted | Stopped:
    """Predict what `spec` describes, from the first sample on or from a snapshot.

    Raises `failures.TrainingFailed`, whose `failure` is the `jobs.Failure` to report.
    """
    with failures.translated():
        config = PredictionConfig.model_validate(spec)
        asked = environment.asked
        assert asked
        assert environment.read
        # As in training: with other threads, sums are of another order.
        threads = resume.state.get("threads", environment.threads) if resume else environment.threads
        device = devices.prepare(environment.device, threads)
        source = environment.uploaded or sources.REGISTRY.get(config.dataset)
        samples = subsets.load(asked.spec, source, config.split, environment.folders)
        assert samples is not None  # the planner has counted them
        weights = {entry.name: environment.read(entry) for entry in asked.tensors}
        model = inference.InferenceModel(asked.definition, weights, str(device))
        going = Pass(
            model,
            samples,
            config.batch_size,
            observer,
            f"the {config.split} split of {source.name}",
        )
        if resume is not None:
            going.restore(resume)
        names = {
            predictions.LABELS: asked.definition.get("labels") or [str(k) for k in range(model.classes)],
            predictions.DATASET_LABELS: list(source.info.labels),
        }
        return going.finish(names)


class Pass:
    """One pass of a model over samples."""

    def __init__(
        self,
        model: inference.InferenceModel,
        samples: sources.Samples,
        batch_size: int,
        observer: Observer,
        whose: str,
    ) -> None:
        """`whose` samples they are, for who reads of one."""
        self._model = model
        self._samples = samples
        self._batch_size = batch_size
        self._observer = observer
        self._whose = whose
        self._probabilities_NK = np.empty((len(samples), model.classes), np.float32)
        self._true_N = samples.labels.astype(np.int32)
        self._step = 0
        self._steps = -(-len(samples) // batch_size)
        self._pace = pace.Pace(time.monotonic())
        self._schedule = checkpointing.Sparing(time.monotonic())

    def restore(self, snapshot: Snapshot) -> None:
        """Stand where the snapshot was taken."""
        self._step = snapshot.step
        self._probabilities_NK[: self._done] = snapshot.tensors[predictions.PROBABILITIES]

    def finish(self, names: Mapping[str, Any]) -> Predicted | Stopped:
        """Go on to the end, unless told to stop; `names` go into the state of the last snapshot."""
        while self._step < self._steps:
            command = self._observer.command()
            if command is not jobs.Command.CONTINUE:
                return self._stop(command)
            if self._schedule.is_due(time.monotonic()) and not self._observer.is_saving:
                self._save()
            self._predict_step()
        self._report(time.monotonic())
        return Predicted(self._take_snapshot(**names))

    @property
    def _done(self) -> int:
        return min(self._step * self._batch_size, len(self._samples))

    def _predict_step(self) -> None:
        start = self._done
        self._step += 1
        inputs = self._samples.inputs[start : self._done]
        found = self._model.run(inputs)
        if lost := inference.find_lost({"probabilities": found}):
            told = errors.no_number(f"sample {start + lost[0]} of {self._whose}").message
            raise sources.InvalidData(
                told, "leave this sample out; what comes after it was not looked at yet"
            )
        self._probabilities_NK[start : self._done] = found
        self._pace.add(self._done - start)
        if self._pace.is_due(now := time.monotonic()):
            self._report(now)

    def _stop(self, command: jobs.Command) -> Stopped:
        self._report(time.monotonic())
        if command is jobs.Command.PREEMPT:
            self._save()
        return Stopped(command)

    def _save(self) -> None:
        if self._step:
            self._observer.checkpoint(self._take_snapshot())
        self._schedule.saved(time.monotonic())

    def _take_snapshot(self, **names: Any) -> Snapshot:
        # Views: what is done does not change any more. Of bytes that the server has already, it takes none again.
        tensors = {
            predictions.PROBABILITIES: self._probabilities_NK[: self._done],
            predictions.TRUE_CLASSES: self._true_N[: self._done],
        }
        return Snapshot(0, self._step, tensors, {"threads": torch.get_num_threads(), **names})

    def _report(self, now: float) -> None:
        speed = self._pace.report(now)
        left = len(self._samples) - self._done
        self._observer.progress(
            jobs.Progress(
                step=self._step,
                steps=self._steps,
                samples_per_second=speed,
                eta_s=left / speed if speed else None,
            )
        )

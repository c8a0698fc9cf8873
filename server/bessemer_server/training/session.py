"""One run: where it stands, and the steps from there to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch

from bessemer_server.data import sources, splits
from bessemer_server.domain import jobs, metrics
from bessemer_server.training import (
    checkpointing,
    early_stopping,
    failures,
    features,
    meters,
    pace,
    randomness,
    snapshots,
)
from bessemer_server.training.config import EarlyStoppingConfig, TrainingConfig
from bessemer_server.training.contract import Array, Drawn, Observer, Outcome, Snapshot, Stopped, Trained
from bessemer_server.training.learner import Batch, Drawing, Learner
from bessemer_server.training.schedules import kinds as schedules

STEP, EPOCH, TEST = metrics.Scope.STEP, metrics.Scope.EPOCH, metrics.Scope.TEST
BEST = "best/"
GPU_WAITING_STEPS = 32
"""Steps whose metrics wait on a GPU until they are read together."""


class Session:
    """The loop of steps and epochs; the same for every learner."""

    def __init__(
        self,
        config: TrainingConfig,
        learner: Learner,
        parts: splits.Splits,
        device: torch.device,
        observer: Observer,
        *,
        course: schedules.Course,
    ) -> None:
        self._course = course
        self._config = config
        self._learner = learner
        self._observer = observer
        # The whole data set lies on the device, images as bytes: no loader stands in the way of a step.
        self._train = _place(parts.train, device)
        self._validation = None if parts.validation is None else _place(parts.validation, device)
        self._test = None if parts.test is None else _place(parts.test, device)
        self._epoch_steps = -(-len(self._train) // config.batch_size)
        self._steps = self._epoch_steps * config.epochs
        self._meter = meters.EpochMeter(waiting_limit=1 if device.type == "cpu" else GPU_WAITING_STEPS)
        self._pace = pace.Pace(time.monotonic())
        self._schedule = checkpointing.Schedule(config.checkpoint, time.monotonic())
        self._step = 0
        self._saved_step = 0
        self._last_loss: float | None = None
        self._stopping = early_stopping.EarlyStopping()
        self._best: dict[str, Array] = {}
        self._order = torch.empty(0)
        self._copier = snapshots.Copier()

    def restore(self, snapshot: Snapshot) -> None:
        """Stand where the snapshot was taken."""
        state = snapshot.state
        self._step = self._saved_step = snapshot.step
        self._meter.sums, self._meter.samples = dict(state["sums"]), state["samples"]
        self._last_loss = state["last_loss"]
        self._stopping = early_stopping.EarlyStopping(**state["early_stopping"])
        self._best = {n.removeprefix(BEST): a for n, a in snapshot.tensors.items() if n.startswith(BEST)}
        self._learner.load_state(
            snapshots.to_tensors({n: a for n, a in snapshot.tensors.items() if not n.startswith(BEST)})
        )
        if self._step % self._epoch_steps:
            self._start_epoch()

    def train(self) -> Outcome:
        """Go on to the end, unless told to stop."""
        self._prepare()
        while not self._is_over:
            command = self._observer.command()
            if command is not jobs.Command.CONTINUE:
                return self._stop(command)
            if self._step % self._epoch_steps == 0:
                self._start_epoch()
            self._train_step()
            if self._step % self._epoch_steps == 0:
                self._end_epoch()
            elif self._is_save_due:
                self._read_steps()
                self._save()
        return self._finish()

    def _prepare(self) -> None:
        # After `restore`: frozen weights come with the snapshot.
        if isinstance(self._learner, features.Caching):
            prepare = self._learner.prepare
            self._train = prepare(self._train)
            self._validation = None if self._validation is None else prepare(self._validation)
            self._test = None if self._test is None else prepare(self._test)

    @property
    def _is_over(self) -> bool:
        rule = self._config.early_stopping
        return self._step >= self._steps or (rule is not None and self._stopping.is_over(rule))

    @property
    def _rate(self) -> float:
        """Learning rate of the last step."""
        return self._course.rate(self._step)

    @property
    def _epoch(self) -> int:
        """Epoch of the last step, from 1; 0 before the first."""
        return -(-self._step // self._epoch_steps)

    @property
    def _is_save_due(self) -> bool:
        return self._schedule.is_due(self._step, time.monotonic()) and not self._observer.is_saving

    def _start_epoch(self) -> None:
        epoch = self._step // self._epoch_steps + 1
        order = randomness.order(self._config.seed, epoch, len(self._train))
        self._order = order.to(self._train.labels.device)

    def _train_step(self) -> None:
        start = self._step % self._epoch_steps * self._config.batch_size
        batch = self._train.take(self._order[start : start + self._config.batch_size])
        self._step += 1
        sums = self._learner.train_step(batch, self._epoch, self._step, self._rate)
        self._meter.add(self._step, self._epoch, len(batch), sums)
        self._pace.add(len(batch))
        if self._meter.is_full:
            self._read_steps()

    def _read_steps(self) -> None:
        points: list[metrics.Metric] = []
        for measured in self._meter.read():
            self._check_finite(measured.values, measured.step, measured.epoch)
            points += meters.points(STEP, measured.step, measured.epoch, measured.values, "train/")
            self._last_loss = meters.first_loss(measured.values)
        if points:
            self._observer.record(points)
        now = time.monotonic()
        if self._pace.is_due(now):
            self._report(now)

    def _end_epoch(self) -> None:
        self._read_steps()
        learnt = self._meter.means() | self._learner.take_scores()
        values = {f"train/{name}": value for name, value in learnt.items()}
        if self._validation is not None:
            measured = meters.evaluate(self._learner, self._validation)
            self._check_finite(measured, self._step, self._epoch)
            values |= {f"val/{name}": value for name, value in measured.items()}
        values["learning_rate"] = self._rate
        self._observer.record(meters.points(EPOCH, self._step, self._epoch, values))
        if self._config.early_stopping is not None:
            self._judge(values[self._config.early_stopping.monitor], self._config.early_stopping)
        self._draw()
        self._meter.reset()
        self._report(time.monotonic())
        if self._schedule.ends_epoch(self._epoch) or self._is_save_due:
            self._save()

    def _draw(self) -> None:
        if not isinstance(self._learner, Drawing):
            return
        drawn = self._learner.draw(self._epoch, is_last=self._is_over)
        if drawn is not None:
            self._observer.pictures(Drawn(self._epoch, drawn))

    def _judge(self, value: float, rule: EarlyStoppingConfig) -> None:
        self._stopping = self._stopping.after(value, rule)
        if self._stopping.is_best:
            self._best = snapshots.to_arrays(self._learner.weights())

    def _finish(self) -> Trained:
        if self._best:
            self._learner.load_weights(snapshots.to_tensors(self._best))
        if self._test is not None:
            values = meters.evaluate(self._learner, self._test)
            self._check_finite(values, self._step, self._epoch)
            self._observer.record(meters.points(TEST, self._step, self._epoch, values, "test/"))
        weights = snapshots.to_arrays(self._learner.weights())
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise failures.non_finite("the weights", self._step, self._epoch, self._last_loss, self._rate)
        parameters = sum(array.size for array in weights.values() if array.dtype.kind == "f")
        return Trained(self._learner.definition(), weights, parameters)

    def _stop(self, command: jobs.Command) -> Stopped:
        self._read_steps()
        self._report(time.monotonic())  # what is told of a job that waits is where it will go on
        if command is jobs.Command.PREEMPT and self._step > self._saved_step:
            self._save()
        return Stopped(command)

    def _save(self) -> None:
        best = {f"{BEST}{name}": array for name, array in self._best.items()}
        state = {
            "sums": dict(self._meter.sums),
            "samples": self._meter.samples,
            "last_loss": self._last_loss,
            "early_stopping": self._stopping.to_json(),
            "threads": torch.get_num_threads(),
        }
        tensors = self._copier.copy(self._learner) | best
        self._saved_step = self._step
        self._schedule.saved(time.monotonic())
        self._observer.checkpoint(Snapshot(self._step // self._epoch_steps, self._step, tensors, state))

    def _report(self, now: float) -> None:
        speed = self._pace.report(now)
        left = (self._config.epochs - self._step / self._epoch_steps) * len(self._train)
        self._observer.progress(
            jobs.Progress(
                epoch=self._epoch,
                epochs=self._config.epochs,
                step=self._step,
                steps=self._steps,
                samples_per_second=speed,
                eta_s=left / speed if speed else None,
            )
        )

    def _check_finite(self, values: Mapping[str, float], step: int, epoch: int) -> None:
        if name := meters.first_non_finite(values):
            what = f"the {name.replace('_', ' ')}"
            raise failures.non_finite(what, step, epoch, self._last_loss, self._rate)


def _place(samples: sources.Samples, device: torch.device) -> Batch:
    return Batch(torch.tensor(samples.inputs, device=device), torch.tensor(samples.labels, device=device))

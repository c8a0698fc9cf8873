"""Losses, metrics and schedules of a specification, and what depends on them."""

from __future__ import annotations

from typing import Any

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources, splits
from bessemer_server.domain import plans
from bessemer_server.layers import networks
from bessemer_server.training import limits as learners
from bessemer_server.training.checks.findings import Findings
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.objectives import endings, weighting
from bessemer_server.training.objectives import kinds as losses
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.schedules import kinds as schedules
from bessemer_server.training.scores import kinds as scores


def objective(
    found: Findings, config: TrainingConfig, network: networks.Network | None, info: plans.DatasetInfo
) -> None:
    """The loss and its class weights, against the classes and the end of the network."""
    found.extend(weighting.find_faults(config.class_weights, info.labels))
    if found.entry(losses.REGISTRY, config.loss, "loss") and (
        fault := endings.find_fault(config.loss, network, info)
    ):
        found.reject("loss", fault)


def measured(
    found: Findings,
    config: TrainingConfig,
    source: sources.Source | None,
    architecture: architectures.Architecture[Any] | None,
) -> None:
    """The metrics, and what early stopping watches."""
    if architecture and architecture.adversary:  # it has no classes, and metrics of its own
        return
    found.extend(scores.find_faults(config.metrics, len(source.info.labels) if source else None))
    if config.early_stopping:
        _monitor(found, config, "early_stopping.monitor", config.early_stopping.monitor)


def _monitor(found: Findings, config: TrainingConfig, path: str, name: str) -> None:
    measured = [
        f"{split}/{measure}" for split in ("train", "val") for measure in (*scores.ALWAYS, *config.metrics)
    ]
    if name not in measured:
        found.reject(path, scores.explain_unmeasured(name, measured))
    elif name.startswith("val/") and not (config.validation_split or config.validation_dataset):
        found.reject(
            path,
            f"{name} is not measured, because validation_split is 0; set a validation_split, or "
            f"watch {name.replace('val/', 'train/')}",
        )


def kept(
    found: Findings, config: TrainingConfig, architecture: architectures.Architecture[Any] | None
) -> None:
    """What of the checkpoints is kept must be saved, and measured, in the first place."""
    rule = config.checkpoint
    if rule.keep_best and architecture and architecture.adversary:
        found.reject(
            "checkpoint.keep_best",
            f"no metric of {architecture.name} says which generator is best; use keep_every, or leave it out",
        )
    elif rule.keep_best:
        _monitor(found, config, "checkpoint.keep_best", rule.keep_best)
    for name in ("keep_best", "keep_every"):
        if getattr(rule, name) and not rule.every_epochs:
            found.reject(
                f"checkpoint.{name}",
                "needs checkpoints at the end of epochs; set checkpoint.every_epochs, or leave it out",
            )
    if rule.keep_every and rule.every_epochs and rule.keep_every % rule.every_epochs:
        found.reject(
            "checkpoint.keep_every",
            f"must be a multiple of checkpoint.every_epochs, which is {rule.every_epochs}, "
            f"but is {rule.keep_every}",
        )


def warmup(
    found: Findings, config: TrainingConfig, options: schedules.ScheduleOptions, sizes: splits.Sizes
) -> None:
    """Warm-up must end before the run does."""
    steps = config.epochs * -(-sizes.train // config.batch_size)
    if options.warmup_steps and options.warmup_steps >= steps:
        found.reject("schedule.warmup_steps", f"must be less than all steps, which are {steps:,}")
    if options.warmup_epochs >= config.epochs:
        found.reject("schedule.warmup_epochs", f"must be less than epochs, which is {config.epochs:,}")


def limits(
    found: Findings,
    architecture: architectures.Architecture[Any],
    config: TrainingConfig,
    optimizer: optimizers.Optimizer[Any],
    options: optimizers.OptimizerOptions,
) -> None:
    """What the architecture's learner would ignore."""
    found.extend(learners.LIMITS[architecture.learner].check(config, optimizer.name, options))

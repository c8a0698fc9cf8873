"""From a specification to all that a run needs, checked as a whole: every fault is found at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources, splits
from bessemer_server.domain import bases, plans
from bessemer_server.layers import lists, networks
from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import augmenter
from bessemer_server.training.checks import data, measures
from bessemer_server.training.checks import network as layers
from bessemer_server.training.checks.findings import Findings
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.objectives import weighting
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.schedules import kinds as schedules

DEFAULT_OPTIMIZER = "adam"
DEFAULT_SCHEDULE = "constant"


@dataclasses.dataclass(frozen=True, slots=True)
class Resolved:
    """A specification that can be trained."""

    config: TrainingConfig
    architecture: architectures.Architecture[Any]
    options: Options
    source: sources.Source
    info: plans.DatasetInfo
    """What the network sees of the data set: that of `source`, with the length and vocabulary of texts."""
    optimizer: optimizers.Optimizer[Any]
    optimizer_options: optimizers.OptimizerOptions
    schedule: schedules.Schedule[Any]
    schedule_options: schedules.ScheduleOptions
    network: networks.Network
    """On torch's meta device."""
    sizes: splits.Sizes
    augmentation: tuple[augmenter.Entry, ...] = ()
    """Of training batches."""
    opponent: networks.Network | None = None
    """What a generator learns against; on torch's meta device."""
    validation: sources.Source | None = None
    """Validated on in place of a share of `source`."""
    class_weights: tuple[float, ...] | None = None
    """By index of the class; None: all alike. Known from `weigh` on."""

    def weigh(self, labels: npt.NDArray[np.int64]) -> Resolved:
        """The same with class weights, which may depend on the labels of the training split."""
        weights = weighting.resolve(self.config.class_weights, self.info.labels, labels)
        return dataclasses.replace(self, class_weights=weights)

    @property
    def course(self) -> schedules.Course:
        """The learning rate of each step."""
        config = self.config
        return schedules.Course(
            self.schedule,
            self.schedule_options,
            self.optimizer_options.learning_rate,
            -(-self.sizes.train // config.batch_size),
            config.epochs,
        )

    @property
    def effective_spec(self) -> dict[str, Any]:
        """The specification with every default filled in; JSON."""
        options = self.options.model_dump(mode="json")
        if self.architecture.list_option:
            options[self.architecture.list_option] = lists.to_json(self.network.layers)
        optimizer = {"kind": self.optimizer.name, **self.optimizer_options.model_dump(mode="json")}
        schedule = {"kind": self.schedule.name, **self.schedule_options.model_dump(mode="json")}
        config = self.config.model_dump(mode="json")
        config["augmentation"] = [entry.to_json() for entry in self.augmentation]
        return {**config, "options": options, "optimizer": optimizer, "schedule": schedule}


def resolve(
    spec: Mapping[str, Any],
    uploaded: sources.Source | None = None,
    known: Mapping[str, bases.Base] = bases.NO_BASES,
    validation: sources.Source | None = None,
) -> Resolved:
    """Check a specification; `uploaded` is its data set and `validation` the one to validate on, where a user uploaded
    them, `known` are the models that it begins with. Raises `errors.InvalidArgument` with every violation that can be seen.
    """
    found = Findings()
    config = found.config(_with_defaults(spec))
    architecture = found.entry(architectures.REGISTRY, config.architecture, "architecture")
    source = uploaded or found.entry(sources.REGISTRY, config.dataset, "dataset")
    config, validation = data.validation(found, config, source, validation)
    config = data.suit_defaults(config, source, spec) if source else config
    optimizer, optimizer_options = found.choice(
        optimizers.REGISTRY, config.optimizer, "optimizer", DEFAULT_OPTIMIZER
    )
    schedule, schedule_options = found.choice(
        schedules.REGISTRY, config.schedule, "schedule", DEFAULT_SCHEDULE
    )
    options = found.options(architecture.options, config.options, "options") if architecture else None
    sizes = data.sizes(found, config, source) if source else None
    measures.measured(found, config, source, architecture)
    measures.kept(found, config, architecture)
    if schedule_options and sizes:
        measures.warmup(found, config, schedule_options, sizes)
    if architecture and optimizer and optimizer_options:
        measures.limits(found, architecture, config, optimizer, optimizer_options)
    config, info = data.text(found, config, source)
    augmentation = layers.augmentation(found, config, info)
    network = None
    if architecture and info and data.fits(found, architecture, info) and options:
        network = layers.network(found, architecture, options, info, loss=config.loss, known=known)
    if architecture and info and not architecture.adversary:
        measures.objective(found, config, network, info)
    found.raise_any()
    # What is None has left a violation.
    assert architecture and options and source and info and network and sizes
    assert optimizer and optimizer_options and schedule and schedule_options
    opponent = _build_opponent(architecture, options, info)
    return Resolved(
        config,
        architecture,
        options,
        source,
        info,
        optimizer,
        optimizer_options,
        schedule,
        schedule_options,
        network,
        sizes,
        augmentation,
        opponent,
        validation,
    )


def _with_defaults(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification, with the architecture's own defaults where it has some."""
    name = spec.get("architecture")
    if not isinstance(name, str) or name not in architectures.REGISTRY:
        return spec
    defaults = architectures.REGISTRY.get(name).defaults
    merged = {**defaults, **spec}
    standard, given = defaults.get("optimizer", {}), spec.get("optimizer")
    if isinstance(given, Mapping) and given.get("kind") == standard.get("kind"):
        merged["optimizer"] = {**standard, **given}
    return merged


def _build_opponent(
    architecture: architectures.Architecture[Any], options: Options, info: plans.DatasetInfo
) -> networks.Network | None:
    if architecture.adversary is None:
        return None
    return networks.build(lists.parse(architecture.adversary.layers(options, info), "options"), info.shape)

"""From a specification to all that a run needs, checked as a whole: every fault is found at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pydantic

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources, splits
from bessemer_server.domain import bases, errors, plans, registry
from bessemer_server.layers import lists, networks, trained
from bessemer_server.layers.options import Options, violations
from bessemer_server.training import limits, token_ids, validating
from bessemer_server.training.augmentations import augmenter
from bessemer_server.training.config import TextConfig, TrainingConfig
from bessemer_server.training.objectives import endings, weighting
from bessemer_server.training.objectives import kinds as losses
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.schedules import kinds as schedules
from bessemer_server.training.scores import kinds as scores

T = TypeVar("T", bound=registry.Named)
P = TypeVar("P", bound=Options)
C = TypeVar("C", bound=registry.Choice)
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
    checker = _Checker(known)
    spec = _with_defaults(spec)
    config = checker.config(spec)
    architecture = checker.entry(architectures.REGISTRY, config.architecture, "architecture")
    source = uploaded or checker.entry(sources.REGISTRY, config.dataset, "dataset")
    config, validation = checker.validation(config, source, validation)
    optimizer, optimizer_options = checker.choice(
        optimizers.REGISTRY, config.optimizer, "optimizer", DEFAULT_OPTIMIZER
    )
    schedule, schedule_options = checker.choice(
        schedules.REGISTRY, config.schedule, "schedule", DEFAULT_SCHEDULE
    )
    options = checker.options(architecture.options, config.options, "options") if architecture else None
    sizes = checker.sizes(config, source) if source else None
    checker.measured(config, source, architecture)
    checker.kept(config, architecture)
    if schedule_options and sizes:
        checker.warmup(config, schedule_options, sizes)
    if architecture and optimizer and optimizer_options:
        checker.limits(architecture, config, optimizer, optimizer_options)
    config, info = checker.text(config, source)
    augmentation = checker.augmentation(config, info)
    network = None
    if architecture and info and checker.fits(architecture, info) and options:
        network = checker.network(architecture, options, info, config.loss)
    if architecture and info and not architecture.adversary:
        checker.objective(config, network, info)
    if checker.found:
        raise errors.InvalidArgument(violations=checker.found)
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


class _Checker:
    """The checks of `resolve`. Each answers what it found sound, and adds what was not to `found`."""

    def __init__(self, known: Mapping[str, bases.Base]) -> None:
        self.found: list[errors.Violation] = []
        self._bases = known

    def reject(self, path: str, description: str) -> None:
        self.found.append(errors.Violation(path, description))

    def config(self, spec: Mapping[str, Any]) -> TrainingConfig:
        """The specification, with defaults in place of faulty fields."""
        try:
            return TrainingConfig.model_validate(spec)
        except pydantic.ValidationError as error:
            self.found.extend(violations(error, TrainingConfig, ""))
            faulty = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        sound = {name: value for name, value in spec.items() if name not in faulty}
        return TrainingConfig.model_validate(sound)

    def entry(self, entries: registry.Registry[T], name: str, path: str) -> T | None:
        if name in entries:
            return entries.get(name)
        # A field whose type was wrong has its violation, and an empty name here.
        if not any(violation.field == path for violation in self.found):
            self.reject(path, entries.unknown(name) if name else f"is required; known are {entries}")
        return None

    def validation(
        self, config: TrainingConfig, source: sources.Source | None, uploaded: sources.Source | None
    ) -> tuple[TrainingConfig, sources.Source | None]:
        """The configuration without a share for validation where a data set takes its place, and that one."""
        if config.validation_dataset is None:
            return config, None
        if "validation_split" in config.model_fields_set and config.validation_split:
            self.reject("validation_split", "cannot be set beside validation_dataset; leave one of them out")
        found = uploaded or self.entry(sources.REGISTRY, config.validation_dataset, "validation_dataset")
        if found and source and (fault := validating.find_fault(found.info, source.info)):
            self.reject("validation_dataset", fault)
        return config.model_copy(update={"validation_split": 0.0}), found

    def options(self, model: type[P], values: Mapping[str, Any], path: str) -> P | None:
        try:
            return model.model_validate(values)
        except pydantic.ValidationError as error:
            self.found.extend(violations(error, model, path))
        return None

    def choice(
        self, entries: registry.Registry[C], values: Mapping[str, Any], path: str, default: str
    ) -> tuple[C | None, Any]:
        """What `kind` names, and its options."""
        kind = values.get("kind", "")
        if not isinstance(kind, str):
            self.reject(f"{path}.kind", f"must be a name; known are {entries}")
            return None, None
        entry = self.entry(entries, kind or default, f"{path}.kind")
        if entry is None:
            return None, None
        rest = {name: value for name, value in values.items() if name != "kind"}
        return entry, self.options(entry.options, rest, path)

    def augmentation(
        self, config: TrainingConfig, info: plans.DatasetInfo | None
    ) -> tuple[augmenter.Entry, ...]:
        try:
            chosen = augmenter.parse(config.augmentation)
        except errors.InvalidArgument as error:
            self.found.extend(error.violations)
            return ()
        if chosen and info and info.kind != "image":
            self.reject("augmentation", f"is for images, but {info.name} is {info.kind} data; leave it out")
        elif info:
            self.found.extend(augmenter.find_faults(chosen, info.shape))
        return chosen

    def warmup(self, config: TrainingConfig, options: schedules.ScheduleOptions, sizes: splits.Sizes) -> None:
        steps = config.epochs * -(-sizes.train // config.batch_size)
        if options.warmup_steps and options.warmup_steps >= steps:
            self.reject("schedule.warmup_steps", f"must be less than all steps, which are {steps:,}")
        if options.warmup_epochs >= config.epochs:
            self.reject("schedule.warmup_epochs", f"must be less than epochs, which is {config.epochs:,}")

    def sizes(self, config: TrainingConfig, source: sources.Source) -> splits.Sizes:
        sizes = splits.sizes(source.info, config.validation_split, config.test_split)
        if not sizes.train + sizes.validation:
            self.reject("test_split", f"leaves no training samples of {source.name}; use less")
            return sizes
        for name, share, size in (
            ("validation_split", config.validation_split, sizes.validation),
            ("test_split", config.test_split, sizes.test),
        ):
            if share and not size:
                self.reject(
                    name,
                    f"{share:g} of the samples of {source.name} is less than one; use more, or 0 for none",
                )
        if not sizes.train:
            self.reject("validation_split", f"leaves no training samples of {source.name}; use less")
        elif config.batch_size > sizes.train:
            self.reject(
                "batch_size",
                f"must be at most {sizes.train:,}, the samples of {source.name} that are left for training, "
                f"but is {config.batch_size:,}",
            )
        return sizes

    def objective(
        self, config: TrainingConfig, network: networks.Network | None, info: plans.DatasetInfo
    ) -> None:
        self.found.extend(weighting.find_faults(config.class_weights, info.labels))
        if self.entry(losses.REGISTRY, config.loss, "loss") and (
            fault := endings.find_fault(config.loss, network, info)
        ):
            self.reject("loss", fault)

    def measured(
        self,
        config: TrainingConfig,
        source: sources.Source | None,
        architecture: architectures.Architecture[Any] | None,
    ) -> None:
        if architecture and architecture.adversary:  # it has no classes, and metrics of its own
            return
        self.found.extend(scores.find_faults(config.metrics, len(source.info.labels) if source else None))
        if config.early_stopping:
            self.monitor(config, "early_stopping.monitor", config.early_stopping.monitor)

    def monitor(self, config: TrainingConfig, path: str, name: str) -> None:
        measured = [
            f"{split}/{measure}"
            for split in ("train", "val")
            for measure in (*scores.ALWAYS, *config.metrics)
        ]
        if name not in measured:
            self.reject(path, scores.explain_unmeasured(name, measured))
        elif name.startswith("val/") and not (config.validation_split or config.validation_dataset):
            self.reject(
                path,
                f"{name} is not measured, because validation_split is 0; set a validation_split, or "
                f"watch {name.replace('val/', 'train/')}",
            )

    def kept(self, config: TrainingConfig, architecture: architectures.Architecture[Any] | None) -> None:
        """What of the checkpoints is kept must be saved, and measured, in the first place."""
        rule = config.checkpoint
        if rule.keep_best and architecture and architecture.adversary:
            self.reject(
                "checkpoint.keep_best",
                f"no metric of {architecture.name} says which generator is best; use keep_every, or leave it out",
            )
        elif rule.keep_best:
            self.monitor(config, "checkpoint.keep_best", rule.keep_best)
        for name in ("keep_best", "keep_every"):
            if getattr(rule, name) and not rule.every_epochs:
                self.reject(
                    f"checkpoint.{name}",
                    "needs checkpoints at the end of epochs; set checkpoint.every_epochs, or leave it out",
                )
        if rule.keep_every and rule.every_epochs and rule.keep_every % rule.every_epochs:
            self.reject(
                "checkpoint.keep_every",
                f"must be a multiple of checkpoint.every_epochs, which is {rule.every_epochs}, "
                f"but is {rule.keep_every}",
            )

    def limits(
        self,
        architecture: architectures.Architecture[Any],
        config: TrainingConfig,
        optimizer: optimizers.Optimizer[Any],
        options: optimizers.OptimizerOptions,
    ) -> None:
        self.found.extend(limits.LIMITS[architecture.learner].check(config, optimizer.name, options))

    def text(
        self, config: TrainingConfig, source: sources.Source | None
    ) -> tuple[TrainingConfig, plans.DatasetInfo | None]:
        """The configuration with settings for texts where they are needed, and what the network sees."""
        if source is None:
            return config, None
        if source.info.kind == "text":
            settings = config.text or TextConfig()
            info = dataclasses.replace(source.info, shape=(settings.length,), vocabulary=settings.vocabulary)
            return config.model_copy(update={"text": settings}), info
        if config.text:
            self.reject("text", f"is for texts, but {source.name} is {source.info.kind} data; leave it out")
        return config, source.info

    def fits(self, architecture: architectures.Architecture[Any], info: plans.DatasetInfo) -> bool:
        if info.kind not in architecture.takes:
            fitting = [a.name for a in architectures.REGISTRY if info.kind in a.takes]
            self.reject(
                "architecture",
                f"{architecture.name} takes {' and '.join(sorted(architecture.takes))} data, but {info.name} "
                f"is {info.kind} data; for it there are {', '.join(fitting)}",
            )
        return info.kind in architecture.takes

    def network(
        self,
        architecture: architectures.Architecture[Any],
        options: Options,
        info: plans.DatasetInfo,
        loss: str,
    ) -> networks.Network | None:
        path = f"options.{architecture.list_option}" if architecture.list_option else "options"
        adversary = architecture.adversary
        shape = adversary.latent_shape(options) if adversary else info.shape
        try:
            entries = architecture.layers(options, info)
            if endings.wants_one_unit(loss, architecture, info):
                entries = endings.with_one_unit(entries)
            layers = lists.parse(trained.fill(entries, self._bases), path)
            for index, description in (faults := list(token_ids.find_faults(layers, info))):
                self.reject(f"{path}[{index}]" if architecture.list_option else path, description)
            if faults:
                return None
            network = networks.build(layers, shape)
        except errors.InvalidArgument as error:
            self.found.extend(error.violations)
            return None
        except networks.ImpossibleLayer as error:
            self.reject(f"{path}[{error.index}]" if architecture.list_option else path, str(error))
            return None
        if adversary:
            return network
        fault = networks.end_fault(network, len(info.labels))
        if fault:
            where = f"{path}[{len(layers) - 1}]" if architecture.list_option else path
            self.reject(where, f"{fault}, because {info.name} has {len(info.labels)} classes")
        return network

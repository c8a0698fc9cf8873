"""What each learner can do of a specification: settings that it would ignore are refused instead.

A setting that is added to `TrainingConfig` is refused by every learner but the classifier until it is named here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from bessemer_server.domain import errors
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.optimizers.kinds import OptimizerOptions

BASICS = frozenset(
    {"architecture", "dataset", "options", "epochs", "batch_size", "seed", "optimizer", "text"}
    | {"validation_split", "test_split", "schedule", "checkpoint"}
)
SGD = frozenset({"learning_rate", "momentum", "nesterov"})
ADAM = frozenset({"learning_rate", "beta1", "beta2", "epsilon"})


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The settings that a learner honours."""

    fields: frozenset[str]
    """Of `TrainingConfig`."""
    optimizers: Mapping[str, frozenset[str]] | None = None
    """Kinds of optimizer, and the options of each; None: every one."""
    reason: str = ""
    """Why no others, as the end of a sentence."""
    losses: frozenset[str] | None = None
    """None: every one, where the field is honoured."""

    def check(
        self, config: TrainingConfig, kind: str, options: OptimizerOptions
    ) -> Iterator[errors.Violation]:
        """A violation for each setting that would be ignored."""
        for name, field in TrainingConfig.model_fields.items():
            if name not in self.fields and getattr(config, name) != field.get_default():
                yield errors.Violation(name, f"cannot be set for {config.architecture}: {self.reason}")
        if self.losses is not None and config.loss not in self.losses:
            known = ", ".join(sorted(self.losses))
            yield errors.Violation("loss", f"must be one of {known}, but is {config.loss!r}: {self.reason}")
        if self.optimizers is not None:
            yield from self._check_optimizer(self.optimizers, kind, options)

    def _check_optimizer(
        self, known: Mapping[str, frozenset[str]], kind: str, options: OptimizerOptions
    ) -> Iterator[errors.Violation]:
        if kind not in known:
            names = ", ".join(known)
            yield errors.Violation(
                "optimizer.kind", f"must be one of {names}, but is {kind!r}: {self.reason}"
            )
            return
        for name, field in type(options).model_fields.items():
            if name not in known[kind] and getattr(options, name) != field.get_default():
                yield errors.Violation(f"optimizer.{name}", f"cannot be set here: {self.reason}")


LIMITS: Mapping[str, Limits] = {
    "classifier": Limits(frozenset(TrainingConfig.model_fields)),
    "generative": Limits(
        BASICS, reason="two networks that learn against each other do not take it; leave it out"
    ),
    "numpy": Limits(
        BASICS
        | {"early_stopping", "loss", "metrics", "validation_dataset"}
        | {"l1", "l2", "gradient_clip_norm", "gradient_clip_value"},
        {"sgd": SGD, "adam": ADAM},
        "the network in NumPy does not have it; leave it out, or train mlp",
        frozenset({"cross_entropy", "binary_cross_entropy"}),
    ),
}
"""By name of the learner, as architectures give it."""

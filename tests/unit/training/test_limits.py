"""Settings that a learner would ignore are refused."""

from __future__ import annotations

import pytest

from bessemer_server.architectures import kinds as architectures
from bessemer_server.domain import errors
from bessemer_server.training import learners, limits, resolving
from bessemer_server.training.config import EarlyStoppingConfig, TrainingConfig
from bessemer_server.training.optimizers.adam import AdamOptions


def test_every_learner_that_an_architecture_names_can_be_built_and_has_its_limits():
    named = {architecture.learner for architecture in architectures.REGISTRY}
    assert named <= set(learners.BUILDERS) == set(limits.LIMITS)


def test_limits_name_only_settings_that_exist():
    for limit in limits.LIMITS.values():
        assert limit.fields <= set(TrainingConfig.model_fields)


def test_a_setting_that_a_learner_does_not_honour_is_named_with_its_reason():
    narrow = limits.Limits(limits.BASICS, None, "it knows no end but the last epoch")
    config = TrainingConfig(architecture="some", early_stopping=EarlyStoppingConfig())
    (found,) = narrow.check(config, "adam", AdamOptions())
    assert found == errors.Violation(
        "early_stopping", "cannot be set for some: it knows no end but the last epoch"
    )


def test_an_optimizer_or_an_option_of_it_that_a_learner_does_not_have_is_named():
    narrow = limits.Limits(limits.BASICS, {"adam": frozenset({"learning_rate"})}, "it is simple")
    (option,) = narrow.check(TrainingConfig(), "adam", AdamOptions(beta1=0.5))
    (kind,) = narrow.check(TrainingConfig(), "other", AdamOptions())
    assert (option.field, kind.field) == ("optimizer.beta1", "optimizer.kind")
    assert "adam" in kind.description


def test_layers_are_no_option_of_numpy_mlp():
    with pytest.raises(errors.InvalidArgument) as caught:
        resolving.resolve({"architecture": "numpy_mlp", "dataset": "digits", "options": {"layers": []}})
    assert [violation.field for violation in caught.value.violations] == ["options.layers"]

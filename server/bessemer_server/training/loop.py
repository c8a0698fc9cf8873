"""A training run, from its specification to its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bessemer_server.data import preprocessing, splits
from bessemer_server.training import devices, failures, learners, pretrained, resolving, session, validating
from bessemer_server.training.contract import (
    Drawn,
    Environment,
    Observer,
    Outcome,
    Predicted,
    Snapshot,
    Stopped,
    Trained,
)

__all__ = [
    "Drawn",
    "Environment",
    "Observer",
    "Outcome",
    "Predicted",
    "Snapshot",
    "Stopped",
    "Trained",
    "run",
]


def run(
    spec: Mapping[str, Any], environment: Environment, observer: Observer, resume: Snapshot | None = None
) -> Outcome:
    """Train what `spec` describes, from the beginning or from a snapshot.

    Raises `errors.InvalidArgument` for a specification that cannot be trained, and `failures.TrainingFailed`,
    whose `failure` is the `jobs.Failure` to report.
    """
    with failures.translated():
        resolved = resolving.resolve(
            spec, environment.uploaded, environment.bases, environment.uploaded_validation
        )
        # As many as the run began with, whatever a trainer has now: with others, sums are of another order.
        threads = resume.state.get("threads", environment.threads) if resume else environment.threads
        device = devices.prepare(environment.device, threads)
        parts = _load(resolved, environment)
        resolved = resolved.weigh(parts.train.labels)
        preprocessed = preprocessing.learn(resolved.source, parts.train, resolved.info)
        parts = parts.map(lambda samples: preprocessing.encode(samples, preprocessed))
        if resume is None:  # otherwise the snapshot has them
            pretrained.load(resolved.network, environment)
        learner = learners.build(resolved, preprocessed, device)
        going = session.Session(resolved.config, learner, parts, device, observer, course=resolved.course)
        if resume is not None:
            going.restore(resume)
        return going.train()


def _load(resolved: resolving.Resolved, environment: Environment) -> splits.Splits:
    train, test = resolved.source.load(environment.folders)
    config, info = resolved.config, resolved.source.info
    parts = splits.split(train, test, info, config.validation_split, config.test_split)
    if resolved.validation is None:
        return parts
    validation = validating.load(resolved.validation, info, environment.folders)
    return dataclasses.replace(parts, validation=validation)

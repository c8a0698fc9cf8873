"""Learners by name: an architecture says which one trains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from bessemer_server.training import classifier
from bessemer_server.training.generative import learner as generative
from bessemer_server.training.learner import Learner
from bessemer_server.training.numpy_engine import learner as numpy_learner
from bessemer_server.training.resolving import Resolved

Builder = Callable[[Resolved, Mapping[str, Any], torch.device], Learner]
"""Takes what to train, the preprocessing as JSON, and the device of the run."""

BUILDERS: Mapping[str, Builder] = {
    "classifier": classifier.Classifier,
    "generative": generative.GenerativeLearner,
    "numpy": numpy_learner.NumpyClassifier,
}


def build(resolved: Resolved, preprocessed: Mapping[str, Any], device: torch.device) -> Learner:
    """The learner of the architecture, before its first step."""
    return BUILDERS[resolved.architecture.learner](resolved, preprocessed, device)

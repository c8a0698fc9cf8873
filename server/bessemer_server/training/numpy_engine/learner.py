"""The learner that tells classes apart with a network in NumPy; what it publishes is what `mlp` would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.data import preprocessing
from bessemer_server.layers import lists, networks
from bessemer_server.training import classifier, randomness
from bessemer_server.training.learner import Batch, Sums
from bessemer_server.training.numpy_engine import losses, network, updates
from bessemer_server.training.resolving import Resolved
from bessemer_server.training.scores import collecting

Array = npt.NDArray[Any]
CPU = torch.device("cpu")


class NumpyClassifier:
    """A network in NumPy, its update rule, and the preprocessing of its inputs.

    It starts from the weights of an `mlp` of the same seed, and draws the same dropout masks.
    """

    def __init__(self, resolved: Resolved, preprocessed: Mapping[str, Any], device: torch.device) -> None:
        self._config = resolved.config
        self._seed = resolved.config.seed
        self._resolved = resolved
        self._preprocessing = preprocessed
        self._preprocess = preprocessing.Preprocessor(preprocessed, CPU)
        self._device = device
        self._loss = losses.LOSSES[resolved.config.loss]
        self._scores = collecting.Collector(resolved.config.metrics, CPU)
        layers = lists.to_json(resolved.network.layers)
        self._network = network.Network(
            layers, math.prod(resolved.info.shape), np.float32, l1=self._config.l1, l2=self._config.l2
        )
        self._rule = updates.build(resolved.optimizer_options, self._network.flat.size, np.float32)
        initial = networks.initialise(
            resolved.network, lambda layer: randomness.generator(self._seed, "init", layer)
        )
        self.load_weights(initial.state_dict())

    def train_step(self, batch: Batch, epoch: int, step: int, learning_rate: float) -> Sums:
        """See `Learner`; the loss holds the penalties, as in Keras."""

        def draw(layer: int, shape: tuple[int, ...], rate: float) -> Array:
            generator = randomness.generator(self._seed, "dropout", epoch, step, layer)
            kept = torch.empty(shape).bernoulli_(1 - rate, generator=generator)
            return kept.div_(1 - rate).numpy()

        labels = batch.labels.cpu().numpy()
        loss, logits = self._network.learn(self._inputs(batch), labels, self._loss, draw)
        updates.clip(
            self._network.gradient, self._config.gradient_clip_norm, self._config.gradient_clip_value
        )
        self._rule.update(self._network.flat, self._network.gradient, learning_rate)
        return self._sums(loss, logits, labels)

    def evaluate(self, batch: Batch) -> Sums:
        """See `Learner`; without the penalty."""
        labels = batch.labels.cpu().numpy()
        logits = self._network.forward(self._inputs(batch))
        return self._sums(self._loss(logits, labels)[0], logits, labels)

    def take_scores(self) -> dict[str, float]:
        """See `Learner`."""
        return self._scores.take()

    def weights(self) -> dict[str, torch.Tensor]:
        """See `Learner`."""
        return {name: torch.from_numpy(array) for name, array in self._network.parameters.items()}

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        for name, array in self._network.parameters.items():
            array[...] = weights[name].cpu().numpy()

    def state(self) -> dict[str, torch.Tensor]:
        """See `Learner`: `model/<parameter>`, and `optimizer/<slot>` of all parameters in one, `scores/...` within an epoch."""
        slots = {f"optimizer/{name}": torch.from_numpy(array) for name, array in self._rule.slots.items()}
        model = {f"model/{name}": tensor for name, tensor in self.weights().items()}
        return model | slots | self._scores.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        self.load_weights({n.removeprefix("model/"): t for n, t in state.items() if n.startswith("model/")})
        for name, array in self._rule.slots.items():
            array[...] = state[f"optimizer/{name}"].numpy()
        self._scores.load_state(state)

    def definition(self) -> dict[str, Any]:
        """See `Learner`."""
        return classifier.define(self._resolved, self._preprocessing)

    def _inputs(self, batch: Batch) -> Array:
        return self._preprocess(batch.inputs.cpu()).numpy()

    def _sums(self, loss: float, logits: Array, labels: Array) -> Sums:
        scores = networks.class_logits(torch.from_numpy(logits))
        true = torch.from_numpy(labels)
        self._scores.add(scores, true)
        hits = float((scores.argmax(dim=1) == true).sum())
        sums = torch.tensor([loss * len(labels), hits], dtype=torch.float64, device=self._device)
        return {"loss": sums[0], "accuracy": sums[1]}

"""The learner that tells classes apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.data import preprocessing
from bessemer_server.layers import lists, networks
from bessemer_server.training import clipping, features, penalties, randomness, signatures
from bessemer_server.training.augmentations import augmenter
from bessemer_server.training.learner import Batch, Sums
from bessemer_server.training.objectives import objective
from bessemer_server.training.optimizers import updater
from bessemer_server.training.resolving import Resolved
from bessemer_server.training.scores import collecting


class Classifier:
    """A network, its optimizer, and the preprocessing of its inputs."""

    def __init__(self, resolved: Resolved, preprocessed: Mapping[str, Any], device: torch.device) -> None:
        self._seed = resolved.config.seed
        self._resolved = resolved
        self._preprocessing = preprocessed
        self._preprocess = preprocessing.Preprocessor(preprocessed, device)
        network = networks.initialise(
            resolved.network, lambda layer: randomness.generator(self._seed, "init", layer)
        )
        self._network = networks.place(network, device)
        self._optimizer = updater.Updater(
            resolved.optimizer,
            resolved.optimizer_options,
            {name: p for name, p in self._network.named_parameters() if p.requires_grad},
        )
        config = resolved.config
        self._objective = objective.Objective(
            config.loss, config.label_smoothing, resolved.class_weights, device
        )
        self._penalty = penalties.Penalty(self._network, config.l1, config.l2)
        self._scores = collecting.Collector(config.metrics, device)
        self._augment = augmenter.Augmenter(resolved.augmentation, self._seed)
        self._prepared = False
        """Whether the outputs of the first layers come in place of inputs."""
        self._rest: torch.nn.Sequential = self._network
        """The layers after those."""

    def prepare(self, samples: Batch) -> Batch:
        """See `features.Caching`: the outputs of the frozen layers, in place of raw inputs."""
        # Images that change with every step leave nothing to keep.
        count = 0 if self._augment.chosen else features.frozen_layers(self._network)
        if not count:
            return samples
        self._prepared, self._rest = True, self._network[count:]
        frozen = self._network[:count].eval()
        outputs = features.compute(lambda raw: frozen(self._preprocess(raw)), samples.inputs)
        return Batch(outputs, samples.labels)

    def train_step(self, batch: Batch, epoch: int, step: int, learning_rate: float) -> Sums:
        """See `Learner`; loss and accuracy are those before the update, with dropout and penalties, as in Keras."""
        self._network.train()
        self._network.reseed(lambda layer: randomness.key(self._seed, "dropout", epoch, step, layer))
        mixed = self._augment(self._inputs(batch), epoch, step)
        logits = networks.class_logits(self._rest(mixed.images))
        loss = self._penalty.add(mixed.loss(self._objective, logits, batch.labels), len(batch))
        self._network.zero_grad(set_to_none=True)
        loss.backward()
        clipping.clip(self._network.parameters(), self._resolved.config)
        self._optimizer.step(learning_rate)
        self._scores.add(logits, batch.labels)
        return _sums(loss.detach() * len(batch), logits.detach(), batch.labels)

    @torch.inference_mode()
    def evaluate(self, batch: Batch) -> Sums:
        """See `Learner`."""
        self._network.eval()
        logits = networks.class_logits(self._rest(self._inputs(batch)))
        self._scores.add(logits, batch.labels)
        return _sums(self._objective.measure(logits, batch.labels), logits, batch.labels)

    def take_scores(self) -> dict[str, float]:
        """See `Learner`."""
        return self._scores.take()

    def weights(self) -> dict[str, torch.Tensor]:
        """See `Learner`."""
        return dict(self._network.state_dict())

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        self._network.load_state_dict(weights)

    def state(self) -> dict[str, torch.Tensor]:
        """See `Learner`: `model/<parameter>`, `optimizer/<parameter>/<slot>`, and `scores/...` within an epoch."""
        return {
            **{f"model/{name}": tensor for name, tensor in self.weights().items()},
            **{f"optimizer/{name}": tensor for name, tensor in self._optimizer.state().items()},
            **self._scores.state(),
        }

    def frozen(self) -> list[str]:
        """See `snapshots.Freezing`."""
        return [f"model/{name}" for name, p in self._network.named_parameters() if not p.requires_grad]

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        self.load_weights({n.removeprefix("model/"): t for n, t in state.items() if n.startswith("model/")})
        slots = {n.removeprefix("optimizer/"): t for n, t in state.items() if n.startswith("optimizer/")}
        self._optimizer.load_state(slots)
        self._scores.load_state(state)

    def _inputs(self, batch: Batch) -> torch.Tensor:
        return batch.inputs if self._prepared else self._preprocess(batch.inputs)

    def definition(self) -> dict[str, Any]:
        """See `Learner`."""
        return define(self._resolved, self._preprocessing)


def define(resolved: Resolved, preprocessed: Mapping[str, Any]) -> dict[str, Any]:
    """What a predictor needs of a classifier beside its weights; JSON."""
    return {
        "kind": "classifier",
        "layers": lists.to_json(resolved.network.layers),
        "preprocessing": dict(preprocessed),
        "labels": list(resolved.info.labels),
        "input_shape": list(resolved.info.shape),
        **signatures.of(resolved.info),
    }


def _sums(loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> Sums:
    correct = (logits.argmax(dim=1) == labels).sum()
    return {"loss": loss.double(), "accuracy": correct.double()}

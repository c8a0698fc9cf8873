"""One small job for each architecture, which together use all that has a state: dropout, augmentation, noise, slots of
optimizers, schedules, early stopping, frozen features, both networks of a generator."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

import bessemer

TEXTS = {
    "good": ["a great film", "what a lovely plot", "great actors and a lovely end"],
    "bad": ["a dull film", "what a boring plot", "dull actors and a boring end"],
}
NETWORK = [
    {"conv2d": {"filters": 4, "kernel": 3}},
    "batch_norm",
    {"activation": {"function": "relu"}},
    {"reshape": {"shape": [36, 4]}},
    {"gru": {"units": 8, "dropout": 0.2, "recurrent_dropout": 0.2}},
    {"dense": {"units": 10, "activation": "softmax"}},
]
TEACHER = [{"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}, "flatten", {"dense": {"units": 10}}]
FAMILIES: dict[str, dict[str, Any]] = {
    "mlp": {
        "checkpoint": {"every_steps": 48, "keep_last": 2},
        "dataset": "digits", "epochs": 14, "options": {"hidden": [16], "dropout": 0.3},
        "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True, "learning_rate": 0.05},
        "schedule": {"kind": "cosine", "warmup_epochs": 1}, "early_stopping": {"monitor": "val/loss", "patience": 13},
    },
    "numpy_mlp": {
        "checkpoint": {"every_steps": 80, "keep_last": 2},
        "dataset": "wine", "epochs": 60, "batch_size": 8, "options": {"hidden": [8], "dropout": 0.2},
        "optimizer": "adam", "l2": 0.01,
    },
    "mnist_cnn": {
        "checkpoint": {"every_steps": 24, "keep_last": 2},
        "dataset": "digits", "epochs": 7, "options": {"filters": [4, 8], "units": 16},
        "augmentation": ["flip", {"crop": {"padding": 1}}, {"rotate": {"degrees": 10}}, "mixup"],
        "optimizer": {"kind": "adamw", "learning_rate": 0.002}, "label_smoothing": 0.1,
    },
    "cifar_cnn": {
        "checkpoint": {"every_steps": 3, "keep_last": 2},
        "dataset": "pictures", "epochs": 4, "batch_size": 8, "augmentation": ["flip", "cutout", "jitter"]},
    "lstm_classifier": {
        "checkpoint": {"every_steps": 12, "keep_last": 2},
        "dataset": "opinions", "epochs": 20, "batch_size": 8, "options": {"units": 4}, "metrics": ["f1"],
        "text": {"vocabulary": 30, "length": 8}, "gradient_clip_norm": 1.0,
    },
    "transfer": {
        "checkpoint": {"every_steps": 27, "keep_last": 2},
        "dataset": "digits", "epochs": 8, "options": {"backbone": "model:teacher", "units": 16},
        "schedule": {"kind": "step", "every": 2, "factor": 0.5},
    },
    "dcgan": {
        "checkpoint": {"every_steps": 14, "keep_last": 2},
        "dataset": "digits", "epochs": 3, "options": {"filters": 4, "latent": 8, "dense": 16, "dropout": 0.2}},
    "sequential": {
        "checkpoint": {"every_steps": 12, "keep_last": 2},
        "dataset": "digits", "epochs": 4, "options": {"layers": NETWORK}, "class_weights": "balanced",
        "optimizer": {"kind": "rmsprop", "momentum": 0.5, "centered": True}, "validation_split": 0.2,
    },
}  # fmt: skip


def prepare(client: bessemer.Client, folder: pathlib.Path) -> None:
    """What the jobs are trained on, beside what comes with the service."""
    draw = np.random.default_rng(0)
    labels = np.arange(96) % 2
    pictures = (draw.integers(0, 128, (96, 32, 32, 3)) + labels[:, None, None, None] * 127).astype(np.uint8)
    client.datasets.upload("pictures", (pictures, labels))
    for label, texts in TEXTS.items():
        (folder / label).mkdir(parents=True)
        for index in range(36):
            (folder / label / f"{index}.txt").write_text(texts[index % len(texts)])
    client.datasets.upload("opinions", folder)
    client.train("sequential", dataset="digits", name="teacher", epochs=1, options={"layers": TEACHER}).wait(
        progress=False
    )


def submit(client: bessemer.Client, architecture: str, name: str | None = None) -> bessemer.Job:
    """The job of one family, always the same one but for its name."""
    return client.train(architecture, name=name, seed=11, **{"batch_size": 32, **FAMILIES[architecture]})

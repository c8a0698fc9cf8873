"""How good a generator's pictures are: what a classifier that was trained on the same data set says of them."""

from __future__ import annotations

import collections

import bessemer

PICTURES = 1_000
SURE = 0.9
"""Probability from which the classifier counts as confident."""


def measure(client: bessemer.Client, job: bessemer.Job) -> tuple[float, str]:
    """Share of the pictures that the classifier is confident of, and how often each class was seen, in words."""
    assert job.model is not None
    found = _get_judge(client, job.dataset).predict(job.model.sample(PICTURES, seed=1))
    seen = collections.Counter(prediction.label for prediction in found)
    share = sum(prediction.probability > SURE for prediction in found) / PICTURES
    counts = ", ".join(f"{label}: {count}" for label, count in sorted(seen.items()))
    return share, f"{len(seen)} classes ({counts})"


def _get_judge(client: bessemer.Client, dataset: str) -> bessemer.Model:
    name = f"judge-{dataset}"
    try:
        return client.models.get(name)
    except bessemer.NotFound:
        job = client.train(
            "mnist_cnn", dataset=dataset, name=name, epochs=3, batch_size=128, validation_split=0
        ).wait(progress=False)
        print(f"the judge has a test accuracy of {job.metrics['test/accuracy']:.4f}", flush=True)
        assert job.model is not None
        return job.model

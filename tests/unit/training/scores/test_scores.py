"""Scores, against scikit-learn and numbers made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import torch

from bessemer_server.training.scores import collecting, kinds

CPU = torch.device("cpu")
ALL = ["top_2_accuracy", "precision", "recall", "f1", "roc_auc"]


def draw(samples=400, classes=5, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, samples)
    # Rounded, so that there are ties.
    logits = np.round(random.normal(size=(samples, classes)) + 1.5 * np.eye(classes)[labels], 1)
    return torch.tensor(logits, dtype=torch.float32), torch.from_numpy(labels)


@pytest.mark.parametrize("classes", [2, 5])
def test_precision_recall_and_f1_are_the_macro_means_of_scikit_learn(classes):
    logits, labels = draw(classes=classes)
    found = kinds.compute(["precision", "recall", "f1"], logits, labels)
    theirs = sklearn.metrics.precision_recall_fscore_support(labels, logits.argmax(1), average="macro")
    assert list(found.values()) == pytest.approx(theirs[:3])


def test_a_class_that_neither_occurs_nor_is_predicted_is_left_out_of_the_mean():
    logits, labels = draw(classes=3)
    wider = torch.cat([logits, torch.full((len(logits), 1), -9.0)], dim=1)
    assert kinds.compute(["f1"], wider, labels) == kinds.compute(["f1"], logits, labels)


@pytest.mark.parametrize("classes", [2, 5])
def test_roc_auc_is_that_of_scikit_learn(classes):
    logits, labels = draw(classes=classes)
    scores = torch.softmax(logits.double(), dim=1).numpy()
    theirs = sklearn.metrics.roc_auc_score(labels, scores if classes > 2 else scores[:, 1], multi_class="ovr")
    assert kinds.compute(["roc_auc"], logits, labels)["roc_auc"] == pytest.approx(theirs, abs=1e-12)


def test_roc_auc_counts_a_tie_as_half():
    logits = torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.0, 1.0], [0.0, 0.0]])
    # Of 4 pairs of a second and a first: 2 > 1, 2 > 0, 1 = 1, 1 > 0.
    assert kinds.compute(["roc_auc"], logits, torch.tensor([1, 1, 0, 0]))["roc_auc"] == 3.5 / 4


def test_roc_auc_of_one_class_alone_is_a_half():
    assert kinds.compute(["roc_auc"], torch.randn(4, 3), torch.ones(4, dtype=torch.int64)) == {"roc_auc": 0.5}


@pytest.mark.parametrize("number", [1, 2, 4])
def test_top_k_accuracy_is_that_of_scikit_learn(number):
    random = np.random.default_rng(3)
    logits, labels = random.normal(size=(300, 5)), random.integers(0, 5, 300)
    name = f"top_{number}_accuracy"
    found = kinds.compute([name], torch.from_numpy(logits), torch.from_numpy(labels))
    assert found[name] == sklearn.metrics.top_k_accuracy_score(labels, logits, k=number)


def test_scores_are_over_all_samples_and_not_means_of_batches():
    logits, labels = draw()
    collector = collecting.Collector(ALL, CPU)
    for rows in torch.arange(len(labels)).split(7):
        collector.add(logits[rows], labels[rows])
    assert collector.take() == kinds.compute(ALL, logits, labels)
    assert collector.take() == {}


def test_collecting_goes_on_from_its_state():
    logits, labels = draw()
    first, second = collecting.Collector(ALL, CPU), collecting.Collector(ALL, CPU)
    first.add(logits[:90], labels[:90])
    second.load_state({name: tensor.clone() for name, tensor in first.state().items()})
    second.add(logits[90:], labels[90:])
    assert second.take() == kinds.compute(ALL, logits, labels)
    assert second.state() == {}


def test_nothing_is_kept_where_no_score_is_asked_for():
    collector = collecting.Collector(["accuracy", "loss"], CPU)
    collector.add(*draw())
    assert collector.state() == {}
    assert collector.take() == {}


@pytest.mark.parametrize(
    ("names", "classes", "field", "words"),
    [
        (["f2"], 3, "metrics[0]", "did you mean f1"),
        (["accuracy", "auc"], 3, "metrics[1]", "did you mean roc_auc"),
        (["top_5_accuracy"], 3, "metrics[0]", "would always be 1 for 3 classes"),
        (["top_0_accuracy"], None, "metrics[0]", "must be at least 1"),
        (["top_k_accuracy"], 10, "metrics[0]", "did you mean top_5_accuracy"),
        (["f1", "recall", "f1"], 3, "metrics[2]", "named twice"),
    ],
)
def test_what_cannot_be_measured_is_refused_where_it_stands(names, classes, field, words):
    (fault,) = kinds.find_faults(names, classes)
    assert fault.field == field
    assert words in fault.description


def test_every_score_describes_itself():
    assert [score.name for score in kinds.REGISTRY if not score.description] == []

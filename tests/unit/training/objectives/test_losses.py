"""Losses, against torch's own functions and numbers made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from bessemer_server.training.objectives import kinds, objective

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0], [-3.0, 1.0, 4.0], [1.0, 2.0, 0.0]])
LABELS = torch.tensor([0, 1, 2, 0])
TWO, BITS = LOGITS[:, :2], torch.tensor([0, 1, 1, 0])


def fitting(loss):
    return (TWO, BITS) if loss.classes == 2 else (LOGITS, LABELS)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_that_of_torch(smoothing):
    found = objective.Objective("cross_entropy", smoothing)(LOGITS, LABELS)
    assert found == functional.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing)


def test_label_smoothing_spreads_its_share_over_all_classes():
    found = objective.Objective("cross_entropy", 0.3)(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([0]))
    logs = [z - math.log(sum(math.exp(each) for each in (1, 2, 3))) for z in (1, 2, 3)]
    assert float(found) == pytest.approx(-(0.8 * logs[0] + 0.1 * logs[1] + 0.1 * logs[2]))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_of_two_scores_is_cross_entropy(smoothing):
    binary, categorical = (
        objective.Objective(name, smoothing)(TWO, BITS) for name in ("binary_cross_entropy", "cross_entropy")
    )
    assert float(binary) == pytest.approx(float(categorical), rel=1e-6)


def test_binary_cross_entropy_of_one_unit_is_that_of_its_sigmoid():
    unit = torch.tensor([0.7, -1.2])
    logits = torch.stack([torch.zeros(2), unit], dim=1)
    found = objective.Objective("binary_cross_entropy", 0.1)(logits, torch.tensor([1, 0]))
    p = [1 / (1 + math.exp(-z)) for z in (0.7, -1.2)]
    targets = (0.95, 0.05)
    by_hand = [-t * math.log(q) - (1 - t) * math.log(1 - q) for t, q in zip(targets, p, strict=True)]
    assert float(found) == pytest.approx(sum(by_hand) / 2, rel=1e-6)


def test_mse_is_the_mean_over_classes_of_squared_errors_of_probabilities():
    logits = torch.tensor([[0.0, math.log(3.0)]])  # probabilities 1/4 and 3/4
    assert float(objective.Objective("mse")(logits, torch.tensor([0]))) == pytest.approx(0.75**2)
    assert float(objective.Objective("mse", 0.5)(logits, torch.tensor([0]))) == pytest.approx(0.5**2)


@pytest.mark.parametrize("loss", list(kinds.REGISTRY), ids=lambda loss: loss.name)
def test_reductions_of_a_loss_agree_and_huge_logits_leave_it_and_its_gradient_finite(loss):
    logits, labels = fitting(loss)
    each = loss.compute(logits, labels, 0.1, "none")
    assert each.shape == labels.shape
    assert float(loss.compute(logits, labels, 0.1, "sum")) == pytest.approx(float(each.sum()), rel=1e-6)
    assert float(loss.compute(logits, labels, 0.1, "mean")) == pytest.approx(float(each.mean()), rel=1e-6)
    huge = (logits * 1e5).requires_grad_()
    value = loss.compute(huge, labels, 0.0, "mean")
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(huge.grad).all()
    assert loss.description


@pytest.mark.parametrize("loss", list(kinds.REGISTRY), ids=lambda loss: loss.name)
def test_the_gradient_of_a_loss_is_that_of_its_values(loss):
    logits, labels = fitting(loss)
    assert torch.autograd.gradcheck(
        lambda z: loss.compute(z, labels, 0.1, "mean"), logits.double().requires_grad_()
    )


def test_class_weights_count_and_the_sum_is_divided_by_the_samples():
    weights = [1.0, 4.0, 0.5]
    weighted = objective.Objective("cross_entropy", class_weights=weights)
    each = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    by_hand = (each[0] * 1 + each[1] * 4 + each[2] * 0.5 + each[3] * 1) / 4
    assert float(weighted(LOGITS, LABELS)) == pytest.approx(float(by_hand), rel=1e-6)
    assert float(weighted.measure(LOGITS, LABELS)) == pytest.approx(float(each.sum()), rel=1e-6)

"""Augmentation: each kind against what it should be, keyed draws, and its place in training."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bessemer_server.domain import errors, metrics
from bessemer_server.training import planning
from bessemer_server.training.augmentations import augmenter, rotate
from tests.unit.training import recording

ALL: list[Any] = [
    {"flip": {"vertical": True}}, {"crop": {"padding": 2}}, {"rotate": {"degrees": 20, "shift": 0.1, "zoom": 0.1}},
    "jitter", {"cutout": {"size": 3}}, {"mixup": {"alpha": 0.5}},
]  # fmt: skip
SPEC: dict[str, Any] = {
    "architecture": "mnist_cnn", "dataset": "digits", "epochs": 2, "batch_size": 64, "test_split": 0.8,
    "options": {"filters": [4, 4], "units": 8},
}  # fmt: skip


def change(entry, images, step=1):
    return augmenter.Augmenter(augmenter.parse([entry]), seed=3)(images, 1, step)


def draw(count=16, channels=3, height=8, width=8):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


def test_a_flip_mirrors_some_images_and_leaves_the_others():
    images = draw()
    flipped = change("flip", images).images
    is_mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(flipped, images, strict=True)]
    is_same = [torch.equal(new, old) for new, old in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(is_mirrored, is_same, strict=True))
    assert 0 < sum(is_mirrored) < len(images)


def test_a_certain_flip_in_both_directions_turns_an_image_round():
    images = draw(height=6)
    flipped = change({"flip": {"vertical": True, "probability": 1}}, images).images
    assert torch.equal(flipped, images.rot90(2, (2, 3)))


@pytest.mark.parametrize("fill", ["zeros", "edge", "reflect"])
def test_a_crop_is_a_window_of_the_padded_image(fill):
    images = draw(height=8, width=10)
    mode = {"zeros": "constant", "edge": "replicate", "reflect": "reflect"}[fill]
    padded = torch.nn.functional.pad(images, [2] * 4, mode=mode)
    places = set()
    for new, whole in zip(change({"crop": {"padding": 2, "fill": fill}}, images).images, padded, strict=True):
        windows = {
            (y, x) for y in range(5) for x in range(5) if torch.equal(new, whole[:, y : y + 8, x : x + 10])
        }
        assert windows
        places |= windows
    assert len(places) > 5


def turn(images, degrees):
    """Each image by exactly this angle."""
    angle = torch.full((len(images),), math.radians(degrees), dtype=torch.float64)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    height, width = images.shape[2:]
    maps = rotate.invert(angle, zero, zero, one, width / height)
    grid = torch.nn.functional.affine_grid(maps.float(), list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def test_a_quarter_turn_is_counter_clockwise_and_keeps_the_shape_of_things():
    images = draw()
    assert torch.allclose(turn(images, 90), images.rot90(1, (2, 3)), atol=1e-5)
    wide = torch.zeros(1, 1, 9, 17)
    wide[0, 0, 4, 4:13] = 1  # a line of 9 pixels through the centre
    upright = turn(wide, 90)
    assert upright[0, 0, :, 8].sum() == pytest.approx(9, abs=0.1)
    assert upright.sum() == pytest.approx(9, abs=0.1)


def test_no_turn_shift_or_zoom_changes_nothing():
    images = draw(height=6, width=10)
    assert torch.allclose(change({"rotate": {"degrees": 0}}, images).images, images, atol=1e-5)


def test_a_shift_moves_what_is_bright_by_no_more_than_its_share():
    images = torch.zeros(64, 1, 11, 11)
    images[:, :, 5, 5] = 1
    moved = change({"rotate": {"degrees": 0, "shift": 0.2}}, images).images
    weights = torch.arange(11.0)
    rows, columns = (moved.sum(axis) @ weights for axis in (3, 2))
    for centres in (rows, columns):
        assert (centres - 5).abs().max() <= 0.2 * 11 + 1e-3
        assert (centres - 5).std() > 0.5


def test_jitter_multiplies_brightness_within_its_range():
    images = torch.full((64, 3, 4, 4), 0.5)
    bright = change({"jitter": {"brightness": 0.2, "contrast": 0}}, images).images
    factors = bright[:, 0, 0, 0] / 0.5
    assert 0.8 <= factors.min() < 0.9
    assert 1.1 < factors.max() <= 1.2
    assert torch.equal(bright, bright[:, :1, :1, :1].expand_as(bright))


def test_contrast_keeps_the_mean_and_saturation_the_grey():
    images = draw(channels=3) * 0.4 + 0.3
    contrast = change({"jitter": {"brightness": 0, "contrast": 0.3}}, images).images
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey_before, grey_after = (images * luma).sum(1), (contrast * luma).sum(1)
    assert torch.allclose(grey_after.mean((1, 2)), grey_before.mean((1, 2)), atol=1e-5)
    colour = change({"jitter": {"brightness": 0, "contrast": 0, "saturation": 0.5}}, images).images
    assert torch.allclose((colour * luma).sum(1), (images * luma).sum(1), atol=1e-5)
    assert not torch.allclose(colour, images)


def test_cutout_blackens_a_square_of_its_size_or_what_of_it_lies_inside():
    holes = (change({"cutout": {"size": 3}}, torch.ones(64, 2, 8, 9)).images == 0)[:, 0]
    sizes = holes.sum((1, 2))
    assert sizes.max() == 9
    assert set(sizes.tolist()) <= {a * b for a in (2, 3) for b in (2, 3)}


def test_mixup_is_a_sum_of_two_images_and_of_their_losses():
    images = draw()
    mixed = change({"mixup": {"alpha": 1.0}}, images)
    assert 0.5 <= mixed.share < 1
    expected = mixed.share * images + (1 - mixed.share) * images[mixed.partners]
    assert torch.allclose(mixed.images, expected)
    labels, logits = torch.arange(16) % 4, torch.randn(16, 4, generator=torch.Generator().manual_seed(2))
    soft = mixed.share * torch.eye(4)[labels] + (1 - mixed.share) * torch.eye(4)[labels[mixed.partners]]
    loss = torch.nn.functional.cross_entropy
    assert mixed.loss(loss, logits, labels).item() == pytest.approx(loss(logits, soft).item(), rel=1e-5)


@pytest.mark.parametrize(
    "entry", ALL, ids=lambda entry: entry if isinstance(entry, str) else next(iter(entry))
)
def test_draws_are_a_function_of_their_key(entry):
    images = draw()
    assert torch.equal(change(entry, images).images, change(entry, images).images)
    assert not torch.equal(change(entry, images).images, change(entry, images, step=2).images)


def test_a_run_with_all_of_them_resumes_to_the_same_bytes():
    spec = {**SPEC, "augmentation": ALL}
    whole, recorder = recording.train(spec)
    halfway = recording.stop(spec, recording.Recorder(stop_after=7))
    resumed, again = recording.train(spec, resume=halfway)
    assert {n: a.tobytes() for n, a in resumed.weights.items()} == {
        n: a.tobytes() for n, a in whole.weights.items()
    }
    assert all(again.points[key] == recorder.points[key] for key in again.points)


def test_only_training_batches_are_changed():
    """At a learning rate of almost nothing, what is measured without augmentation is measured with it."""
    spec = {**SPEC, "epochs": 1, "optimizer": {"kind": "sgd", "learning_rate": 1e-12}}
    _, plain = recording.train(spec)
    _, changed = recording.train({**spec, "augmentation": ALL})
    for scope, name in ((metrics.Scope.EPOCH, "val/loss"), (metrics.Scope.TEST, "test/loss")):
        assert changed.values(scope, name) == pytest.approx(plain.values(scope, name))
    assert changed.values(metrics.Scope.EPOCH, "train/loss") != plain.values(
        metrics.Scope.EPOCH, "train/loss"
    )


@pytest.mark.parametrize(
    ("setting", "field", "words"),
    [
        ({"augmentation": ["flp"]}, "augmentation[0]", "did you mean flip"),
        ({"augmentation": ["flip", {"rotate": {"degrees": -1}}]}, "augmentation[1].rotate.degrees", "at least 0"),
        ({"augmentation": [{"flip": {"horizontal": False}}]}, "augmentation[0].flip", "in no direction"),
        ({"augmentation": "flip"}, "augmentation", "a list"),
        ({"augmentation": [7]}, "augmentation[0]", "the name of an augmentation"),
        ({"augmentation": [{"crop": {"padding": 8}}]}, "augmentation[0].crop", "less than 8"),
        ({"augmentation": [{"cutout": {"size": 9}}]}, "augmentation[0].cutout", "at most 8"),
        ({"augmentation": [{"jitter": {"saturation": 0.1}}]}, "augmentation[0].jitter", "3 channels"),
        ({"augmentation": ["mixup", "flip"]}, "augmentation[0].mixup", "must be the last"),
        ({"augmentation": ["mixup", "mixup"]}, "augmentation[0].mixup", "must be the last"),
        ({"augmentation": ["flip"], "architecture": "mlp", "dataset": "iris", "options": {}}, "augmentation", "images"),
        ({"augmentation": ["flip"], "architecture": "dcgan", "options": {}}, "augmentation", "dcgan"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_place(setting, field, words):
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan({**SPEC, "test_split": 0.2, **setting})
    (violation,) = refused.value.violations
    assert violation.field == field
    assert words in violation.description

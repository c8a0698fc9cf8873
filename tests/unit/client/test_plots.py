"""Learning curves."""

import numpy as np
import pytest
from PIL import Image

from bessemer import errors, plots

HISTORY = {
    "train/loss": [2.0, 1.0, 0.5],
    "val/loss": [1.8, 0.9, 0.6],
    "train/accuracy": [0.3, 0.6, 0.9],
    "val/accuracy": [0.4, 0.7, 0.85],
    "test/accuracy": [0.86],
}


def test_the_picture_shows_loss_and_accuracy_of_both_splits(tmp_path):
    file = tmp_path / "curves.png"
    figure = plots.draw_history(HISTORY, title="digits-cnn", path=file)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Accuracy"]
    for axes, kind in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axes.lines}
        assert lines["Training"] == HISTORY[f"train/{kind}"]
        assert lines["Validation"] == HISTORY[f"val/{kind}"]
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.width > 800


def test_a_generators_picture_shows_the_losses_of_both_networks():
    history = {
        "train/generator_loss": [0.7, 0.9],
        "train/discriminator_loss": [1.4, 1.1],
        "learning_rate": [0.1, 0.1],
    }
    figure = plots.draw_history(history, title="digits")
    drawn = {axes.get_title(): np.asarray(axes.lines[0].get_ydata()).tolist() for axes in figure.axes}
    assert drawn == {"Generator loss": [0.7, 0.9], "Discriminator loss": [1.4, 1.1]}
    sketch = plots.sketch_history(history)
    assert "generator loss" in sketch
    assert "validation" not in sketch


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_ticks_of_a_picture_are_whole_epochs(epochs):
    figure = plots.draw_history(dict.fromkeys(HISTORY, [0.5] * epochs), title="short")
    low, high = figure.axes[0].get_xlim()
    ticks = [float(tick) for tick in figure.axes[0].get_xticks() if low <= tick <= high]
    assert ticks == [float(epoch) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize("history", [{}, {"learning_rate": [0.1]}, {"train/loss": []}], ids=str)
def test_a_job_without_an_epoch_has_nothing_to_plot(history):
    with pytest.raises(errors.FailedPrecondition, match="no epoch of this job has ended"):
        plots.draw_history(history, title="early")
    with pytest.raises(errors.FailedPrecondition, match="no epoch of this job has ended"):
        plots.sketch_history(history)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("curves.xyz", r"must end with \.png"),
        ("curves", r"must end with \.png"),
        ("no/curves.png", "No such file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path, name, words):
    with pytest.raises(errors.InvalidArgument, match=words) as refused:
        plots.draw_history(HISTORY, title="curves", path=tmp_path / name)
    assert refused.value.violations[0].field == "path"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("epochs", [1, 3, 250])
def test_the_sketch_fits_a_terminal_and_holds_no_control_codes(epochs):
    values = [1 / (epoch + 1) for epoch in range(epochs)]
    names = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")
    sketch = plots.sketch_history(dict.fromkeys(names, values))
    lines = sketch.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in sketch
    assert "loss" in lines[0]
    assert "accuracy" in lines[0]

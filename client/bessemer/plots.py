"""Learning curves: as a picture, and sketched in the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bessemer import errors, figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bessemer.job_record import JobRecord

Curves = Mapping[str, Sequence[float]]
"""Values per epoch by name of metric, as `Job.history` has them."""

CLASSIFIER, GENERATOR = ("loss", "accuracy"), ("generator_loss", "discriminator_loss")
SPLITS = {"train": "Training", "val": "Validation"}
COLORS = {"train": "#1f6feb", "val": "#d9480f"}


def check_trains(job: JobRecord) -> None:
    """Raise `FailedPrecondition` for a job that learns nothing."""
    if job.kind == "prediction":
        raise errors.FailedPrecondition(
            f"job {job.id} predicts and learns nothing, so it has no curves; job.predictions() is what it found"
        )


def draw_history(history: Curves, *, title: str, path: str | os.PathLike[str] | None = None) -> Figure:
    """Loss and accuracy side by side over the epochs, training and validation; written to `path` when given. Of a
    generator the losses of both networks.

    Raises `FailedPrecondition` before the first epoch has ended, `InvalidArgument` for a path that cannot be written.
    """
    kinds = _choose_kinds(history)
    figure = figures.make(10, 4)
    figure.suptitle(title, fontsize=12)
    for axes, kind in zip(figure.subplots(1, len(kinds)), kinds, strict=True):
        _draw_kind(axes, history, kind)
    if path is not None:
        figures.save(figure, path)
    return figure


def _choose_kinds(history: Curves) -> tuple[str, str]:
    for kinds in (CLASSIFIER, GENERATOR):
        if any(history.get(f"{split}/{kind}") for split in SPLITS for kind in kinds):
            return kinds
    raise errors.FailedPrecondition("there is nothing to plot: no epoch of this job has ended")


def _draw_kind(axes: Axes, history: Curves, kind: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for split, label in SPLITS.items():
        if values := history.get(f"{split}/{kind}"):
            epochs = range(1, len(values) + 1)
            marker = "o" if len(values) <= 30 else ""
            axes.plot(epochs, values, label=label, color=COLORS[split], marker=marker, markersize=4)
    if test := history.get(f"test/{kind}"):
        axes.axhline(test[-1], label=f"Test {test[-1]:.4f}", color="#868e96", linestyle="--", linewidth=1)
    axes.set_title(kind.replace("_", " ").capitalize())
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def sketch_history(history: Curves, *, width: int = 78, height: int = 14) -> str:
    """What `draw_history` draws, in characters and without colour."""
    import plotext

    kinds = _choose_kinds(history)
    figure = plotext.figure
    figure.clear()
    figure.subplots(1, len(kinds))
    for column, kind in enumerate(kinds, start=1):
        _sketch_kind(figure.subplot(1, column).plot_size(width // len(kinds), height), history, kind)
    lines = [line.rstrip() for line in plotext.uncolorize(str(figure.build())).rstrip().splitlines()]
    is_validated = any(history.get(f"val/{kind}") for kind in kinds)
    return "\n".join([*lines, f"    ─ training   {'• validation   ' if is_validated else ''}over the epochs"])


def _sketch_kind(part: Any, history: Curves, kind: str) -> None:
    for split, marker in (("train", "braille"), ("val", "dot")):
        if values := history.get(f"{split}/{kind}"):
            signal = part.signal(list(range(1, len(values) + 1)), list(values), marker=marker)
            if marker == "braille":
                signal.lines()
            part.draw(signal)
            part.ruler("x").ticks(_pick_ticks(len(values)))
    part.title(kind.replace("_", " "))


def _pick_ticks(epochs: int) -> list[int]:
    """At most six whole epochs, the first and the last among them."""
    step = -(-epochs // 5)
    return sorted({1, *range(step, epochs + 1, step), epochs})

"""Confusion matrices: as a picture, and in the terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bessemer import figures
from bessemer.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERED = 30
"""Classes up to which each cell has its count: in a larger picture nobody could read it."""
MOST_SKETCHED = 20
SHADES = " ░▒▓█"


def draw(evaluation: Evaluation, *, title: str, path: str | os.PathLike[str] | None = None) -> Figure:
    """True classes down, predicted ones across; the colour is the share of the true class. Written to `path` when given."""
    counts = evaluation.confusion_matrix
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    classes = len(counts)
    side = min(4 + 0.45 * classes, 16)
    figure = figures.make(side + 1, side)
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, ax=axes, label="share of the true class", shrink=0.8)
    axes.set_title(
        f"{title}\naccuracy {evaluation['accuracy']:.4f} on {evaluation.samples:,} samples", fontsize=11
    )
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    is_wide = max(map(len, evaluation.labels)) > 3
    axes.set_xticks(
        range(classes), evaluation.labels, rotation=45 if is_wide else 0, ha="right" if is_wide else "center"
    )
    axes.set_yticks(range(classes), evaluation.labels)
    if classes <= MOST_NUMBERED:
        for (row, column), count in _cells(evaluation):
            color = "white" if shares[row, column] > 0.5 else "#343a40"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=8)
    if path is not None:
        figures.save(figure, path)
    return figure


def _cells(evaluation: Evaluation) -> list[tuple[tuple[int, int], int]]:
    return [
        ((row, column), count)
        for row, found in enumerate(evaluation.classes)
        for column, count in enumerate(found.predicted)
        if count
    ]


def sketch(evaluation: Evaluation) -> str:
    """A table of counts with shades, or the largest confusions where there are too many classes for one."""
    if len(evaluation.classes) > MOST_SKETCHED:
        return list_confusions(evaluation)
    counts = evaluation.confusion_matrix
    width = max(len(f"{counts.max():,}") + 1, min(max(map(len, evaluation.labels)), 8)) + 1
    name = max(map(len, evaluation.labels))
    lines = [f"{'':<{name}} " + "".join(f"{label[: width - 1]:>{width}}" for label in evaluation.labels)]
    for found in evaluation.classes:
        cells = "".join(_cell(count, found.samples, width) for count in found.predicted)
        lines.append(f"{found.label:<{name}} {cells}")
    return "\n".join([*lines, "rows: true class, columns: predicted"])


def _cell(count: int, samples: int, width: int) -> str:
    if not count:
        return f"{'·':>{width}}"
    shade = SHADES[min(int(count / max(samples, 1) * len(SHADES)), len(SHADES) - 1)]
    return f"{shade + f'{count:,}':>{width}}"


def list_confusions(evaluation: Evaluation, limit: int = 10) -> str:
    """The most frequent mistakes, a line each."""
    labels = evaluation.labels
    wrong = [(count, where) for where, count in _cells(evaluation) if where[0] != where[1]]
    wrong.sort(key=lambda found: -found[0])
    lines = [f"{labels[row]} taken for {labels[column]}: {count:,}" for count, (row, column) in wrong[:limit]]
    return "\n".join(lines or ["no mistakes"])

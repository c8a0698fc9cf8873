"""What all pictures share: a figure without a window, and a file that can be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bessemer import errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def make(width: float, height: float) -> Figure:
    """An empty figure, in inches. Raises `BessemerError` where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise errors.BessemerError('plots need matplotlib: pip install "bessemer[plot]"') from None
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)  # no window, wherever this runs
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write it in the form that the suffix names. Raises `InvalidArgument` for a path that cannot be written."""
    name = os.fspath(path)
    known = figure.canvas.get_supported_filetypes()
    suffix = os.path.splitext(name)[1].lower().removeprefix(".")  # noqa: PTH122 - a path may be a string here
    if suffix not in known:
        raise _refuse(name, f"must end with .png, .pdf, .svg or another of {', '.join(sorted(known))}")
    try:
        figure.savefig(name)
    except OSError as error:
        raise _refuse(name, f"cannot be written: {error.strerror}") from None


def _refuse(path: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=(errors.Violation("path", f"{path} {description}"),))

"""Activation functions, plotted: what each layer's `activation` does to a number."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bessemer import errors, figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 401
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda np, x: np.maximum(x, 0),
    "sigmoid": lambda np, x: 1 / (1 + np.exp(-x)),
    "tanh": lambda np, x: np.tanh(x),
    # Of a vector softmax makes shares; this is the share of x against one 0.
    "softmax": lambda np, x: np.exp(x) / (np.exp(x) + 1),
    "leaky_relu": lambda np, x: np.where(x > 0, x, 0.3 * x),
    "elu": lambda np, x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "gelu": lambda np, x: 0.5 * x * (1 + _erf(np, x / np.sqrt(2))),
    "silu": lambda np, x: x / (1 + np.exp(-x)),
}
"""By name, given NumPy and x."""
SHOWN = ("relu", "sigmoid", "tanh")
"""Those of the usual picture."""


def plot_activations(
    path: str | os.PathLike[str] | None = None, names: Sequence[str] = SHOWN, limit: float = 5.0
) -> Figure:
    """Curves over [-limit, limit]; written to `path` when given (PNG, PDF, SVG).

    Raises `InvalidArgument` for an unknown name. Needs matplotlib: `pip install "bessemer[plot]"`.
    """
    curves = compute(names, limit)
    figure = figures.make(10, 6)
    axes = figure.subplots()
    for name, (xs, ys) in curves.items():
        axes.plot(xs, ys, label=name, linewidth=2)
    axes.set_title("Activation functions")
    axes.set_xlabel("x")
    axes.set_ylabel("f(x)")
    axes.axhline(0, color="#868e96", linewidth=0.8)
    axes.axvline(0, color="#868e96", linewidth=0.8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    if path is not None:
        figures.save(figure, path)
    return figure


def sketch_activations(
    names: Sequence[str] = SHOWN, limit: float = 5.0, width: int = 78, height: int = 14
) -> str:
    """The curves in characters, side by side, without colour. Raises as `plot_activations`."""
    import plotext

    curves = compute(names, limit)
    figure = plotext.figure
    figure.clear()
    figure.subplots(1, len(curves))
    for column, (name, (xs, ys)) in enumerate(curves.items(), start=1):
        part = figure.subplot(1, column).plot_size(width // len(curves), height)
        signal = part.signal(list(xs), list(ys), marker="braille")
        signal.lines()
        part.draw(signal)
        part.title(name)
    return "\n".join(line.rstrip() for line in plotext.uncolorize(str(figure.build())).rstrip().splitlines())


def compute(names: Sequence[str], limit: float) -> dict[str, tuple[Any, Any]]:
    """x and f(x) by name, float64. Raises `InvalidArgument`."""
    import numpy as np

    for name in names:
        if name not in FUNCTIONS:
            description = f"there is no activation {name!r}; there are {', '.join(FUNCTIONS)}"
            raise errors.InvalidArgument(violations=(errors.Violation("names", description),))
    if not 0 < limit <= 100:
        description = f"must be greater than 0 and at most 100, but is {limit!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("limit", description),))
    xs = np.linspace(-limit, limit, SAMPLES)
    return {name: (xs, FUNCTIONS[name](np, xs)) for name in names}


def _erf(np: Any, x: Any) -> Any:
    import math

    return np.vectorize(math.erf)(x)

"""Matplotlib figures. They need no display, and leave pyplot's current figure alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["history"]

# Blue and vermilion of the palette of Okabe and Ito ("Color Universal Design", 2008), which people
# with any kind of colour vision tell apart; dashes and open markers do where there is no colour.
TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {
    "color": "#D55E00",
    "linestyle": "--",
    "marker": "s",
    "markerfacecolor": "white",
    "label": "validation",
}


def history(history: Any, *, ax: Axes | Sequence[Axes] | None = None) -> Figure:
    """Learning curves: loss and accuracy against the epoch, for training and validation.

    Args:
        history: what `fit` returned, its `history`, or Keras's: a dict of lists, one number an
            epoch, under "loss" and, where known, "accuracy", "val_loss" and "val_accuracy".
        ax: the axes to draw on: one for the loss, or two for loss and accuracy. By default a new
            figure with one panel for each.

    Returns:
        The figure, e.g. to `.savefig("history.png")`.

    Raises:
        ValueError: where the history holds no finished epoch.

    >>> figure = history({"loss": [0.9, 0.4], "val_loss": [0.8, 0.5]})
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['loss (mean of an example)']
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    curves = getattr(history, "history", history)
    if not curves.get("loss"):
        raise ValueError("plot.history: the history holds no finished epoch")
    panels = [
        (name, label)
        for name, label in (
            ("loss", "loss (mean of an example)"),
            ("accuracy", "accuracy (fraction right)"),
        )
        if name in curves or f"val_{name}" in curves
    ]
    if ax is None:
        figure = Figure(figsize=(4.8 * len(panels), 3.6), layout="constrained")
        axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
    else:
        axes = list(np.atleast_1d(np.asarray(ax, dtype=object)))
    for panel, (name, label) in zip(axes, panels, strict=False):
        for key, style in ((name, TRAINING), (f"val_{name}", VALIDATION)):
            if key in curves:
                epochs = range(1, len(curves[key]) + 1)
                # At most some twenty markers, or a long training would be a row of blots.
                panel.plot(epochs, curves[key], markevery=1 + len(epochs) // 20, **style)
        panel.set(title=f"{name.capitalize()} by epoch", xlabel="epoch", ylabel=label)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.grid(alpha=0.3)
        panel.legend()
    return axes[0].figure

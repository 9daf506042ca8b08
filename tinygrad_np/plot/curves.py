"""Losses as curves: along training, and along a direction through the parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import ONE_AXES, checked
from ..core import tree
from ..core.tape import no_grad
from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Dashes and open markers tell the curves apart where there is no colour.
TRAINING = {"color": canvas.BLUE, "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {
    "color": canvas.VERMILION,
    "linestyle": "--",
    "marker": "s",
    "markerfacecolor": "white",
    "label": "validation",
}


@checked("plot.history")
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
    if not isinstance(curves, dict):
        raise TypeError(f"plot.history: history must be what fit returned, not {history!r:.80}")
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


@checked("plot.loss_along", ax=ONE_AXES)
def loss_along(
    loss_fn: Callable[[Any], Any],
    params: Any,
    *,
    rng: np.random.Generator,
    radius: float = 1.0,
    steps: int = 20,
    ax: Axes | None = None,
) -> Figure:
    """The loss along a straight line through the parameters, in a random direction.

    The direction d is drawn from a normal distribution; then each filter of d, that is, all that
    feeds one output unit (the last axis), gets the norm of that filter of the parameters, so that
    networks whose weights differ in scale can be compared. Biases and other leaves of one
    dimension are scaled as a whole. Drawn is loss_fn(params + t d), for t from -radius to radius.

    Args:
        loss_fn: `loss_fn(params)`, a scalar.
        params: a tree of floating-point arrays; the centre.
        rng: draws the direction.
        radius: how far to go; 1 is as far as the parameters are long.
        steps: losses to compute on either side of the centre.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The figure, with the centre marked.

    Raises:
        TypeError: where `rng` is no generator.
        ValueError: where parameters or losses are nan or inf, a loss is not a scalar, or radius or
            steps are not positive.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets"
    (NeurIPS 2018), section 4; they leave out the biases.

    >>> figure = loss_along(np.sum, np.ones(3), rng=np.random.default_rng(0), steps=2)
    >>> figure.axes[0].lines[0].get_xdata().tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    name = "plot.loss_along"
    arrays = [
        canvas.numbers(f"{name}: params{path and '/' + path}", leaf)
        for path, leaf in tree.items(params)
    ]
    params = tree.unflatten(tree.flatten(params)[1], arrays)
    direction = tree.map(lambda leaf: _as_long_as(leaf, rng), params)
    where = [radius * step / steps for step in range(-steps, steps + 1)]
    losses = []
    for t in where:
        with no_grad():
            loss = loss_fn(tree.map(lambda p, d, t=t: p + t * d, params, direction))
        if np.size(loss) != 1:
            raise ValueError(
                f"{name}: loss_fn must return a scalar, it returned shape {np.shape(loss)}"
            )
        losses.append(canvas.numbers(f"{name}: the loss at t = {t:g}", loss).item())
    (panel,) = canvas.panels(name, ax, 1, 4.8, 3.6)
    panel.plot(where, losses, color=canvas.BLUE)
    centre = f"the parameters: {losses[steps]:.4g}"
    panel.plot(0, losses[steps], "o", color=canvas.VERMILION, label=centre)
    panel.set(
        title="Loss along a random direction",
        xlabel="step t (1: as long as the parameters)",
        ylabel="loss",
    )
    panel.grid(alpha=0.3)
    panel.legend()
    return panel.figure


def _as_long_as(leaf: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random direction with the norm of each filter of the leaf."""
    direction = rng.standard_normal(leaf.shape).astype(leaf.dtype)
    axes = tuple(range(leaf.ndim - 1)) if leaf.ndim > 1 else None
    norms, lengths = (np.sqrt(np.sum(a * a, axis=axes, keepdims=True)) for a in (leaf, direction))
    return direction * (norms / lengths)

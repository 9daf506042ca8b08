"""How values are distributed, layer by layer: parameters, gradients, activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import checked
from ..core import tree
from ..core.tape import Record, Tape
from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@checked("plot.histograms")
def histograms(values: Any, *, ax: Axes | Sequence[Axes] | None = None) -> Figure:
    """A histogram of every leaf of a tree, or of what every operation on a tape gave.

    For a tree of gradients they show where gradients vanish or explode; for the tape of a loss,
    where activations do, and how many units a ReLU has silenced. The counts are on a logarithmic
    scale. Above each stand the standard deviation and the share of zeros.

    Args:
        values: a tree of arrays, such as parameters or gradients, named by `tree.paths`; or a tape,
            or some records of one, named by number and operation. Single numbers, such as the
            loss, are left out.
        ax: as many axes as there are histograms; by default those of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: where there is nothing to draw, values are nan or inf, or a backward pass has
            let go of the tape.

    >>> gradients = {"conv1": {"kernel": np.array([1.0, -2.0]), "bias": np.array([0.0, 3.0])}}
    >>> [panel.get_title().split("\\n")[0] for panel in histograms(gradients).axes]
    ['conv1/bias', 'conv1/kernel']
    """
    from matplotlib.ticker import NullFormatter

    drawn: list[tuple[str, np.ndarray]] = []
    for path, leaf in tree.items(list(values) if isinstance(values, Tape) else values):
        name = f"{path} {leaf.op.name}" if isinstance(leaf, Record) else path or "values"
        if isinstance(leaf, Record) and leaf.released:
            raise ValueError(
                f"plot.histograms: a backward pass has let go of {name}; draw the tape before it, "
                "or call backward(retain_tape=True)"
            )
        # Of several outputs the first: max_pool2d's second says where the maxima were.
        array = np.asarray(leaf.outputs[0]) if isinstance(leaf, Record) else leaf
        if np.size(array) != 1:
            drawn.append((name, canvas.numbers(f"plot.histograms: {name}", array)))
    if not drawn:
        raise ValueError("plot.histograms: there is no array of more than one number")
    axes = canvas.panels("plot.histograms", ax, len(drawn), 2.6, 2.2)
    for panel, (name, array) in zip(axes, drawn, strict=True):
        bins = int(np.clip(np.sqrt(array.size), 5, 50))
        panel.hist(array.ravel(), bins=bins, log=True, color=canvas.BLUE)
        panel.set_ylim(bottom=0.5)  # so that a bar of one element is seen
        panel.yaxis.set_minor_formatter(NullFormatter())
        zeros = np.mean(array == 0)
        share = f", {zeros:.0%} zeros" if zeros else ""
        panel.set_title(f"{name}\nstd {np.std(array):.2g}{share}", fontsize="medium")
        panel.set(xlabel="value", ylabel="elements")
        panel.locator_params(axis="x", nbins=4)
        panel.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
        panel.grid(alpha=0.3)
    return axes[0].figure

"""What a classifier gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import ONE_AXES, checked
from ..core.tensor import Tensor
from ..ops.activations import softmax
from ..ops.losses import softmax_cross_entropy
from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@checked("plot.confusion_matrix", ax=ONE_AXES)
def confusion_matrix(predicted: Any, labels: Any, *, ax: Axes | None = None) -> Figure:
    """How often each class was taken for each: true labels in rows, predicted ones in columns.

    Args:
        predicted: class numbers (N,), or the model's outputs (N, classes), of which the greatest
            counts.
        labels: the true class numbers (N,).
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The figure. Cells that hold no example are left blank, and the colour grows with the square
        root of the count, so that the mistakes are seen beside what is right.

    Raises:
        ValueError: where there are no examples, nan or inf, shapes that don't fit, or a label that
            is no class of the outputs.

    >>> figure = confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]))
    >>> figure.axes[0].images[0].get_array().tolist()
    [[1, 1], [0, 1]]
    """
    from matplotlib.colors import PowerNorm

    name = "plot.confusion_matrix"
    labels = canvas.classes(f"{name}: labels", labels)
    predicted = predicted.data if isinstance(predicted, Tensor) else np.asarray(predicted)
    if predicted.ndim == 2:
        outputs = _outputs(name, predicted, labels)
        classes, predicted = outputs.shape[1], outputs.argmax(axis=1)
    else:
        predicted = canvas.classes(f"{name}: predicted", predicted)
        classes = int(max(predicted.max(), labels.max())) + 1
    if len(predicted) != len(labels):
        raise ValueError(
            f"{name}: {len(predicted)} are predicted, but there are {len(labels)} labels"
        )
    pairs = labels.astype(np.int64) * classes + predicted
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    side = min(0.45 * classes + 1.6, 40.0)
    (panel,) = canvas.panels(name, ax, 1, max(side, 3.6), max(side, 3.6))
    panel.imshow(counts, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=counts.max()))
    for row, column in np.argwhere(counts):
        dark = counts[row, column] > counts.max() / 4  # where the square root is beyond a half
        panel.text(
            column,
            row,
            counts[row, column],
            ha="center",
            va="center",
            fontsize="small",
            color="white" if dark else "black",
        )
    right = counts.trace()
    panel.set(
        title=f"{right:,} of {len(labels):,} right ({right / len(labels):.1%})",
        xlabel="predicted label",
        ylabel="true label",
        xticks=range(classes),
        yticks=range(classes),
    )
    return panel.figure


@checked("plot.worst_mistakes")
def worst_mistakes(
    images: Any,
    outputs: Any,
    labels: Any,
    *,
    count: int = 16,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """The misclassified images with the largest cross-entropy: the surest mistakes, worst first.

    Above each stand the predicted label and its probability, and the true label and its.

    Args:
        images: (N, H, W, C); three channels are colours, otherwise the mean is drawn.
        outputs: the model's logits (N, classes), such as `predict` returns.
        labels: the true class numbers (N,).
        count: how many to show at most.
        ax: one axes a picture; by default those of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: where no image is misclassified, shapes don't fit, a label is no class, values
            are nan or inf, or `count` is below 1.

    >>> outputs, labels = np.array([[0.0, 2.0], [0.0, 3.0], [0.0, 9.0]]), np.array([0, 0, 1])
    >>> figure = worst_mistakes(np.zeros((3, 28, 28, 1)), outputs, labels)
    >>> [panel.get_title() for panel in figure.axes]
    ['predicted 1 (95%)\\ntrue 0 (5%)', 'predicted 1 (88%)\\ntrue 0 (12%)']
    """
    name = "plot.worst_mistakes"
    images = canvas.numbers(f"{name}: images", images)
    labels = canvas.classes(f"{name}: labels", labels)
    outputs = _outputs(name, outputs, labels)
    if images.ndim != 4 or len(images) != len(labels):
        raise ValueError(
            f"{name}: images must have the shape ({len(labels)}, H, W, C), not {images.shape}"
        )
    losses = softmax_cross_entropy(outputs, labels, reduction="none")
    wrong = np.flatnonzero(outputs.argmax(axis=1) != labels)
    if not wrong.size:
        raise ValueError(f"{name}: none of the {len(labels)} images is misclassified")
    worst = wrong[np.argsort(-losses[wrong], kind="stable")][:count]
    low, high = float(images.min()), float(images.max())
    axes = canvas.panels(name, ax, len(worst), 1.6, 1.9)
    for panel, i in zip(axes, worst, strict=True):
        chances, guess = softmax(outputs[i]), outputs[i].argmax()
        title = (
            f"predicted {guess} ({chances[guess]:.0%})\ntrue {labels[i]} ({chances[labels[i]]:.0%})"
        )
        canvas.show(panel, images[i], low, high, title)
        panel.title.set_fontsize("small")
    return axes[0].figure


def _outputs(name: str, outputs: Any, labels: np.ndarray) -> np.ndarray:
    """The outputs, one row of scores a label."""
    outputs = canvas.numbers(f"{name}: outputs", outputs)
    if outputs.ndim != 2 or len(outputs) != len(labels):
        raise ValueError(
            f"{name}: outputs must have the shape ({len(labels)}, classes), not {outputs.shape}"
        )
    if labels.max() >= outputs.shape[1]:
        raise ValueError(
            f"{name}: labels run to {labels.max()}, but the outputs have {outputs.shape[1]} classes"
        )
    return outputs

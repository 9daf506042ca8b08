"""Pictures of what a convolutional network has learnt, makes of an image, and looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import ONE_AXES, checked
from ..transforms.gradients import value_and_grad
from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@checked("plot.filters", ax=ONE_AXES)
def filters(kernel: Any, *, channel: int | None = None, ax: Axes | None = None) -> Figure:
    """The filters of a convolution, side by side: red where positive, blue where negative.

    Args:
        kernel: (KH, KW, C, F), as `conv2d` takes it.
        channel: draw only the slices of the filters for this input channel. By default a kernel
            with several input channels is drawn whole, one row a channel and one column a filter.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: for another shape, nan or inf, or a channel that there is not.

    >>> figure = filters(np.random.default_rng(0).normal(size=(3, 3, 1, 32)))
    >>> figure.axes[0].get_title()
    'kernel (3, 3, 1, 32)'
    """
    kernel = canvas.numbers("plot.filters: the kernel", kernel)
    if kernel.ndim != 4:
        raise ValueError(
            f"plot.filters: the kernel must have the shape (KH, KW, C, F), not {kernel.shape}"
        )
    channels, count = kernel.shape[2:]
    title = f"kernel {kernel.shape}"
    if channel is not None:
        if not 0 <= channel < channels:
            raise ValueError(
                f"plot.filters: channel must be from 0 to {channels - 1}, it is {channel}"
            )
        title += f", input channel {channel}"
        kernel = kernel[:, :, [channel]]
    if kernel.shape[2] == 1:
        tiles, marks = _wrapped(np.moveaxis(kernel[:, :, 0], -1, 0), "filter")
    else:
        tiles = np.moveaxis(kernel, (2, 3), (0, 1))
        marks = {"xlabel": "filter", "ylabel": "input channel"} | _ticks("x", range(count))
        marks |= _ticks("y", range(channels))
    return _mosaic(tiles, canvas.colours(kernel, signed=True), "weight", ax, title=title, **marks)


@checked("plot.feature_maps", ax=ONE_AXES)
def feature_maps(maps: Any, *, ax: Axes | None = None) -> Figure:
    """Every channel of what a layer makes of one image, side by side, all on one scale.

    Args:
        maps: (H, W, C) or (1, H, W, C), such as an output that a tape recorded:
            `loss.tape()[1].output[:1]`.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The figure. Maps with negative values are blue to red, others dark to light.

    Raises:
        ValueError: for another shape, nan or inf.

    >>> figure = feature_maps(np.ones((26, 26, 32)))
    >>> figure.axes[0].get_title()
    'feature maps (26, 26, 32)'
    """
    maps = _one_image("plot.feature_maps: maps", maps)
    tiles, marks = _wrapped(np.moveaxis(maps, -1, 0), "channel")
    style = canvas.colours(maps, signed=bool(maps.min() < 0))
    return _mosaic(tiles, style, "activation", ax, title=f"feature maps {maps.shape}", **marks)


@checked("plot.saliency")
def saliency(
    apply: Callable[..., Any],
    params: Any,
    image: Any,
    *,
    label: int | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Where an image speaks for a class: the gradient of its logit with respect to each pixel.

    Red pixels would raise the logit if they were brighter, blue ones if they were darker. For
    several colour channels the gradients are added up: what brightening them alike would do.

    Args:
        apply: the model, `apply(params, images)`, which returns logits (N, classes).
        params: its parameters.
        image: (H, W, C) or (1, H, W, C), as the model takes it.
        label: the class; by default the predicted one.
        ax: two axes, for the image and for the gradient, or one for the gradient; by default two
            in a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: for an image of another shape, nan or inf, a label that is no class, or a model
            that returns something else.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2013), section 3;
    they draw the gradient's magnitude.

    >>> apply = lambda params, images: np.reshape(images, (1, -1)) @ params
    >>> figure = saliency(apply, np.array([[0.0, 1.0], [0.0, -2.0]]), np.array([[[3.0], [1.0]]]))
    >>> figure.axes[1].images[0].get_array().tolist()
    [[1.0, -2.0]]
    """
    image = _one_image("plot.saliency: the image", image)

    def logit(image: Any) -> tuple[Any, Any]:
        logits = apply(params, image[None])
        if np.ndim(logits) != 2 or len(logits) != 1:
            raise ValueError(
                "plot.saliency: for one image apply must return logits of shape (1, classes), "
                f"not {np.shape(logits)}"
            )
        if label is not None and not 0 <= label < logits.shape[1]:
            raise ValueError(
                f"plot.saliency: label must be from 0 to {logits.shape[1] - 1}, it is {label}"
            )
        predicted = np.argmax(logits)
        return logits[0, predicted if label is None else label], predicted

    (_, predicted), gradient = value_and_grad(logit, has_aux=True)(image)
    gradient = canvas.numbers("plot.saliency: the gradient", gradient.sum(axis=-1))
    single = ax is not None and np.size(np.asarray(ax, dtype=object)) == 1
    axes = canvas.panels("plot.saliency", ax, 1 if single else 2, 3.6, 3.4)
    if not single:
        canvas.show(axes[0], image, image.min(), image.max(), f"image, predicted {predicted}")
    drawn = axes[-1].imshow(gradient, **canvas.colours(gradient, signed=True))
    chosen = predicted if label is None else label
    axes[-1].set(title=f"gradient of logit {chosen}", xticks=[], yticks=[])
    axes[-1].figure.colorbar(drawn, ax=axes[-1], label="change of the logit per unit of the pixel")
    return axes[-1].figure


def _one_image(what: str, image: Any) -> np.ndarray:
    """The image as (H, W, C), from that or (1, H, W, C)."""
    array = canvas.numbers(what, image)
    if array.ndim != 3 and not (array.ndim == 4 and len(array) == 1):
        raise ValueError(f"{what} must have the shape (H, W, C) or (1, H, W, C), not {array.shape}")
    return array.reshape(array.shape[-3:])


def _wrapped(tiles: np.ndarray, noun: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Tiles (N, H, W) in rows of equal length, with NaN behind the last, and the axes' marks."""
    across = canvas.columns(len(tiles))
    down = -(-len(tiles) // across)
    grid = np.full((down * across, *tiles.shape[1:]), np.nan, tiles.dtype)
    grid[: len(tiles)] = tiles
    marks = {"xlabel": f"{noun} = number of the row + number of the column"}
    marks |= _ticks("x", range(across)) | _ticks("y", range(0, down * across, across))
    return grid.reshape(down, across, *tiles.shape[1:]), marks


def _ticks(axis: str, labels: range) -> dict[str, Any]:
    """Marks in the middle of each tile, or of every so many where they would be crowded."""
    step = -(-len(labels) // 16)
    return {
        f"{axis}ticks": np.arange(len(labels))[::step] + 0.5,
        f"{axis}ticklabels": labels[::step],
    }


def _mosaic(tiles: np.ndarray, style: dict[str, Any], unit: str, ax: Any, **marks: Any) -> Figure:
    """Draw tiles (rows, columns, H, W) as one picture, with lines between them."""
    down, across, height, width = tiles.shape
    if ax is None:
        from matplotlib.figure import Figure

        ratio = height / width
        inches = min(0.8, 11 / across, 11 / (down * ratio))  # a tile's width
        size = (max(inches * across + 1.5, 4.5), max(inches * down * ratio + 1.0, 2.5))
        ax = Figure(figsize=size, layout="compressed").subplots()
    drawn = ax.imshow(
        np.moveaxis(tiles, 2, 1).reshape(down * height, across * width),
        extent=(0, across, down, 0),
        aspect=height / width,
        interpolation="nearest",
        **style,
    )
    ax.set(**marks)
    ax.set_xticks(range(across + 1), minor=True)
    ax.set_yticks(range(down + 1), minor=True)
    ax.tick_params(which="both", length=0)
    # Between signed values white would pass for a 0.
    line = "black" if style["vmin"] else "white"
    ax.grid(which="minor", color=line, linewidth=1.0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(drawn, ax=ax, label=unit)
    return ax.figure

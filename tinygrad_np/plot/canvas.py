"""What every figure starts from: numbers that can be drawn, axes to draw on, and colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import PLAIN, shown
from ..core.tensor import Tensor

# The palette of Okabe and Ito ("Color Universal Design", 2008), which people with any kind of
# colour vision tell apart.
BLUE, VERMILION = "#0072B2", "#D55E00"


def numbers(what: str, values: Any) -> np.ndarray:
    """The values as a plain array of floats; ValueError where there are none, or nan or inf."""
    array = values.data if isinstance(values, Tensor) else values
    if not PLAIN.holds(array):
        raise ValueError(f"{what} must be {PLAIN.expected}, not {shown(array)}")
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be real numbers, not {array.dtype}")
    if not array.size:
        raise ValueError(f"{what} must not be empty; the shape is {array.shape}")
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise ValueError(f"{what} must be finite; {bad} of {array.size} elements are nan or inf")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def classes(what: str, values: Any) -> np.ndarray:
    """The values as class numbers, one an example; ValueError if they are anything else."""
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        raise ValueError(
            f"{what} must be class numbers, integers from 0 of shape (N,); "
            f"they are {array.dtype} of shape {array.shape}"
        )
    return array


def columns(count: int) -> int:
    """How wide a grid of so many pictures is: the power of two that makes it about square."""
    return 2 ** int(np.ceil(np.log2(count) / 2))


def panels(what: str, ax: Any, count: int, width: float, height: float) -> list[Any]:
    """`count` axes: the first of those given, or a new figure's, of so many inches each."""
    if ax is not None:
        given = list(np.atleast_1d(np.asarray(ax, dtype=object)).flat)
        if len(given) < count:
            raise ValueError(f"{what}: ax must hold {count} axes, it holds {len(given)}")
        return given[:count]
    from matplotlib.figure import Figure

    across = columns(count)
    down = -(-count // across)
    figure = Figure(figsize=(width * across, height * down), layout="constrained")
    return [figure.add_subplot(down, across, i) for i in range(1, count + 1)]


def show(panel: Any, image: np.ndarray, low: float, high: float, title: str) -> None:
    """Draw an image (H, W, C): in colour if C is 3, otherwise the channels' mean in grey."""
    image = (image - low) / ((high - low) or 1)
    shown = image if image.shape[-1] == 3 else image.mean(axis=-1)
    panel.imshow(shown, cmap="gray", vmin=0, vmax=1)
    panel.set_title(title)
    panel.set(xticks=[], yticks=[])


def colours(values: np.ndarray, *, signed: bool) -> dict[str, Any]:
    """For imshow: from blue to red with white at 0 if signed, otherwise from dark to light."""
    extent = float(np.nanmax(np.abs(values))) or 1.0
    return {
        "cmap": "RdBu_r" if signed else "cividis",
        "vmin": -extent if signed else 0.0,
        "vmax": extent,
    }

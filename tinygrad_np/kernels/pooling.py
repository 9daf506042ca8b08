"""Pooling of raw arrays in any number of spatial dimensions, channels last.

Every function takes the places of a window one at a time: all windows' first elements are one
strided view of x, all their second elements another, and so on. So each is a few NumPy operations
on whole arrays, and no window is ever copied.

`sum_pool` and `spread_to_windows` are transposes of each other, and so are `gather_from_windows`
and `scatter_to_windows`, which follow the indices that `max_pool` found.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .activations import select
from .choice import or_compiled
from .memory import empty
from .threads import share, workspace
from .windows import Block, Padding, Sizes, Tap, Windows, blocks, by_image

__all__ = [
    "gather_from_windows",
    "max_pool",
    "scatter_to_windows",
    "spread_to_windows",
    "sum_pool",
]


@or_compiled
def max_pool(
    x: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of each window of x (N, *S, C), and where in the window it stands.

    Returns y (N, *out, C) and as many indices, flat in the window: of the first element that is the
    largest. Padding is never chosen. Where a window holds NaN, y is NaN and the index is the last.
    """
    windows = _windows(x.shape, window, stride, padding)
    y = empty((len(x), *windows.counts, x.shape[-1]), x.dtype)
    last = math.prod(window) - 1
    indices = empty(y.shape, np.min_scalar_type(last))

    def work(block: Block, places: tuple[Tap, ...]) -> None:
        images, top, index = x[block[0]], y[block], indices[block]
        top[...] = -np.inf
        for _, source, target in places:
            np.maximum(images[:, *source], top[:, *target], out=top[:, *target])
        # An index counts the places before the first that holds the maximum. Seen from each place,
        # from the last but one to the first: none if the maximum is here, else one more than seen
        # from the next.
        inside = {k: (source, target) for k, source, target in places}
        index[...] = 0
        for k in reversed(range(last)):
            index += 1
            if k in inside:
                source, target = inside[k]
                elsewhere = workspace("mask", top[:, *target].shape, np.dtype(bool))
                np.not_equal(images[:, *source], top[:, *target], out=elsewhere)
                index[:, *target] *= elsewhere

    _share_windows(work, windows, x)
    return y, indices


def gather_from_windows(
    x: np.ndarray, indices: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding
) -> np.ndarray:
    """The element of each window of x (N, *S, C) that `indices` (N, *out, C) name; padding is 0."""
    windows = _windows(x.shape, window, stride, padding)
    y = empty(indices.shape, x.dtype)

    def work(block: Block, places: tuple[Tap, ...]) -> None:
        images, picked, index = x[block[0]], y[block], indices[block]
        picked[...] = 0
        for k, source, target in places:
            picked[:, *target] += _where(index[:, *target], k, images[:, *source])

    _share_windows(work, windows, x)
    return y


@or_compiled
def scatter_to_windows(
    g: np.ndarray,
    indices: np.ndarray,
    *,
    x_shape: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
) -> np.ndarray:
    """Each element of g (N, *out, C), added to zeros of `x_shape` at the place its index names."""
    windows = _windows(x_shape, window, stride, padding)
    dx = empty(x_shape, g.dtype)
    # The windows tile x: each element of x is written once, so there is nothing to add to.
    tiled = window == stride and all(
        count * s == size and pads == (0, 0)
        for count, s, size, pads in zip(windows.counts, stride, windows.sizes, padding, strict=True)
    )

    def work(block: Block, places: tuple[Tap, ...]) -> None:
        images, cotangent, index = dx[block[0]], g[block], indices[block]
        for k, source, target in places:
            if tiled:
                _where(index, k, cotangent, out=images[:, *source])
            else:
                images[:, *source] += _where(index[:, *target], k, cotangent[:, *target])

    _share_windows(work, windows, dx, clear=not tiled)
    return dx


def sum_pool(x: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding) -> np.ndarray:
    """The sum of each window of x (N, *S, C): (N, *out, C)."""
    windows = _windows(x.shape, window, stride, padding)
    y = empty((len(x), *windows.counts, x.shape[-1]), x.dtype)

    def work(block: Block, places: tuple[Tap, ...]) -> None:
        images, total = x[block[0]], y[block]
        total[...] = 0
        for _, source, target in places:
            total[:, *target] += images[:, *source]

    _share_windows(work, windows, x)
    return y


def spread_to_windows(
    g: np.ndarray, *, x_shape: Sizes, window: Sizes, stride: Sizes, padding: Padding
) -> np.ndarray:
    """Each element of g (N, *out, C), added to zeros of `x_shape` all over its window."""
    windows = _windows(x_shape, window, stride, padding)
    dx = empty(x_shape, g.dtype)

    def work(block: Block, places: tuple[Tap, ...]) -> None:
        images, cotangent = dx[block[0]], g[block]
        for _, source, target in places:
            images[:, *source] += cotangent[:, *target]

    _share_windows(work, windows, dx, clear=True)
    return dx


def _windows(x_shape: Sizes, window: Sizes, stride: Sizes, padding: Padding) -> Windows:
    return Windows(x_shape[1:-1], window, stride, padding, (1,) * len(window))


def _where(
    index: np.ndarray, number: int, values: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """The values where index is number, elsewhere 0; valid until this thread's next call."""
    if out is None:
        out = workspace("values", values.shape, values.dtype)
    mask = workspace("mask", index.shape, np.dtype(bool))
    return select(values, np.equal(index, number, out=mask), out)


def _share_windows(
    work: Callable[[Block, tuple[Tap, ...]], None],
    windows: Windows,
    x: np.ndarray,
    clear: bool = False,
) -> None:
    """Share blocks of the windows of x between the threads, each with the places in its windows.

    With `clear`, `work` adds to x: images are set to zero before their first block.
    """

    def work_on_images(image_blocks: list[Block]) -> None:
        if clear:
            x[image_blocks[0][0]] = 0
        for block in image_blocks:
            work(block, windows.taps(block[1]))

    rows, *_ = windows.counts
    row_bytes = windows.stride[0] * x[:1, :1].nbytes
    todo = blocks(len(x), rows, row_bytes)
    work_on = by_image(todo) if clear else [[block] for block in todo]
    share(work_on_images, work_on, multiplies=False)

"""Pooling of raw arrays in any number of spatial dimensions, channels last.

Every function takes the places of a window one at a time: all windows' first elements are one strided
view of x, all their second elements another, and so on. So each is a few NumPy operations on whole
arrays, and the windows are never copied.

`sum_pool` and `spread_to_windows` are transposes of each other, and so are `gather_from_windows` and
`scatter_to_windows`, which follow the indices that `max_pool` found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

import numpy as np

from tinygrad_np.kernels.threads import share, workspace
from tinygrad_np.kernels.windows import Block, Padding, Sizes, Tap, blocks, output_shape, taps

__all__ = [
    "gather_from_windows",
    "max_pool",
    "scatter_to_windows",
    "spread_to_windows",
    "sum_pool",
]


def max_pool(
    x: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of each window of x (N, *S, C), and where in the window it stands.

    Returns y (N, *out, C) and as many indices, flat in the window: of the first element that is the
    largest. Padding is never chosen. Where a window holds NaN, y is NaN and the index is the last.
    """
    y = np.empty(_pooled_shape(x, window, stride, padding), x.dtype)
    last = math.prod(window) - 1
    indices = np.empty(y.shape, np.min_scalar_type(last))

    def work(block: Block, places: list[Tap]) -> None:
        images, top, index = x[block[0]], y[block], indices[block]
        top[...] = -np.inf
        for _, source, target in places:
            np.maximum(images[:, *source], top[:, *target], out=top[:, *target])
        # An index counts the places before the first that holds the maximum. Seen from each place,
        # the last but one to the first: none if the maximum is here, else one more than from the next.
        inside = {number: (source, target) for number, source, target in places}
        index[...] = 0
        for number in reversed(range(last)):
            index += 1
            if number in inside:
                source, target = inside[number]
                elsewhere = workspace("mask", top[:, *target].shape, np.dtype(bool))
                np.not_equal(images[:, *source], top[:, *target], out=elsewhere)
                index[:, *target] *= elsewhere

    _share_windows(work, x.shape, y.shape, window, stride, padding, x.itemsize)
    return y, indices


def gather_from_windows(
    x: np.ndarray, indices: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding
) -> np.ndarray:
    """The element of each window of x (N, *S, C) that `indices` (N, *out, C) name; padding is 0."""
    y = np.empty(indices.shape, x.dtype)

    def work(block: Block, places: list[Tap]) -> None:
        images, picked, index = x[block[0]], y[block], indices[block]
        picked[...] = 0
        for number, source, target in places:
            picked[:, *target] += _where(index[:, *target], number, images[:, *source])

    _share_windows(work, x.shape, y.shape, window, stride, padding, x.itemsize)
    return y


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
    dx = np.empty(x_shape, g.dtype)
    # The windows tile x: each element of x is written once, so there is nothing to add to.
    tiled = all(
        w == s and out * s == size and pads == (0, 0)
        for w, s, out, size, pads in zip(
            window, stride, g.shape[1:-1], x_shape[1:-1], padding, strict=True
        )
    )

    def work(block: Block, places: list[Tap]) -> None:
        images, cotangent, index = dx[block[0]], g[block], indices[block]
        for number, source, target in places:
            if tiled:
                _where(index, number, cotangent, out=images[:, *source])
            else:
                images[:, *source] += _where(index[:, *target], number, cotangent[:, *target])

    _share_windows(
        work, x_shape, g.shape, window, stride, padding, g.itemsize, clear=None if tiled else dx
    )
    return dx


def sum_pool(x: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding) -> np.ndarray:
    """The sum of each window of x (N, *S, C): (N, *out, C)."""
    y = np.empty(_pooled_shape(x, window, stride, padding), x.dtype)

    def work(block: Block, places: list[Tap]) -> None:
        images, total = x[block[0]], y[block]
        total[...] = 0
        for _, source, target in places:
            total[:, *target] += images[:, *source]

    _share_windows(work, x.shape, y.shape, window, stride, padding, x.itemsize)
    return y


def spread_to_windows(
    g: np.ndarray, *, x_shape: Sizes, window: Sizes, stride: Sizes, padding: Padding
) -> np.ndarray:
    """Each element of g (N, *out, C), added to zeros of `x_shape` all over its window."""
    dx = np.empty(x_shape, g.dtype)

    def work(block: Block, places: list[Tap]) -> None:
        images, cotangent = dx[block[0]], g[block]
        for _, source, target in places:
            images[:, *source] += cotangent[:, *target]

    _share_windows(work, x_shape, g.shape, window, stride, padding, g.itemsize, clear=dx)
    return dx


def _pooled_shape(x: np.ndarray, window: Sizes, stride: Sizes, padding: Padding) -> Sizes:
    outputs = output_shape(x.shape[1:-1], window, stride, padding, (1,) * len(window))
    return (len(x), *outputs, x.shape[-1])


def _where(
    index: np.ndarray, number: int, values: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """The values where index is number, elsewhere 0; valid until this thread's next call.

    `np.where` branches on every element. A product with True or False does not and is six times as
    fast; taken of the values' bits, read as integers, it keeps infinity times False from being NaN.
    """
    if out is None:
        out = workspace("values", values.shape, values.dtype)
    mask = workspace("mask", index.shape, np.dtype(bool))
    np.equal(index, number, out=mask)
    if values.itemsize > 8:  # no integer is as wide
        out[...] = np.where(mask, values, 0)
        return out
    bits = np.dtype(f"i{values.itemsize}")
    np.multiply(values.view(bits), mask, out=out.view(bits))
    return out


def _share_windows(
    work: Callable[[Block, list[Tap]], None],
    x_shape: Sizes,
    y_shape: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    itemsize: int,
    *,
    clear: np.ndarray | None = None,
) -> None:
    """Share blocks of windows between the threads.

    With `clear`, an array of x's shape that `work` adds to: an image is set to zero first, and its
    blocks, whose windows may overlap, stay in one thread.
    """

    def work_on_images(parts: list[Block]) -> None:
        if clear is not None:
            clear[parts[0][0]] = 0
        for block in parts:
            places = taps(
                x_shape[1:-1], y_shape[1:-1], window, stride, padding, (1,) * len(window), block[1]
            )
            work(block, list(places))

    row_bytes = stride[0] * math.prod(x_shape[2:]) * itemsize
    todo = blocks(x_shape[0], y_shape[1], row_bytes)
    if clear is None:
        share(work_on_images, [[block] for block in todo])
    else:
        share(work_on_images, [list(part) for _, part in groupby(todo, lambda b: b[0].start)])

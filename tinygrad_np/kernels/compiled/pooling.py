"""Max pooling of images in one pass over each window, and its transpose."""

from __future__ import annotations

import math

import numpy as np

from ..memory import empty
from ..pooling import _windows
from ..threads import cut, get_num_threads, share
from ..windows import Padding, Sizes
from .simd import jit


def max_pool(
    x: np.ndarray, *, window: Sizes, stride: Sizes, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    windows = _windows(x.shape, window, stride, padding)
    y = empty((len(x), *windows.counts, x.shape[-1]), x.dtype)
    indices = empty(y.shape, np.min_scalar_type(math.prod(window) - 1))
    (top, _), (left, _) = padding
    geometry = (*window, *stride, top, left)
    share(
        lambda part: _max_pool(y[part], indices[part], x[part], *geometry),
        cut(len(x), 4 * get_num_threads()),
        multiplies=False,
    )
    return y, indices


def scatter_to_windows(
    g: np.ndarray,
    indices: np.ndarray,
    *,
    x_shape: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
) -> np.ndarray:
    dx = empty(x_shape, g.dtype)
    (top, _), (left, _) = padding
    geometry = (*window, *stride, top, left)
    share(
        lambda part: _scatter(dx[part], g[part], indices[part], *geometry),
        cut(len(g), 4 * get_num_threads()),
        multiplies=False,
    )
    return dx


@jit
def _max_pool(y, indices, x, height, width, row_stride, stride, top, left):
    _, rows, columns, channels = x.shape
    images, out_rows, out_columns, _ = y.shape
    number = indices.dtype.type
    last = number(height * width - 1)
    for image in range(images):
        for i in range(out_rows):
            for j in range(out_columns):
                best, where = y[image, i, j], indices[image, i, j]
                begun = False
                for place in range(height * width):
                    row = i * row_stride - top + place // width
                    column = j * stride - left + place % width
                    if 0 <= row < rows and 0 <= column < columns:
                        values, here = x[image, row, column], number(place)
                        if not begun:
                            for c in range(channels):
                                best[c] = values[c]
                                where[c] = here if values[c] == values[c] else last
                            begun = True
                        else:
                            for c in range(channels):
                                value, most, at = values[c], best[c], where[c]
                                if value > most:
                                    most, at = value, here
                                if value != value:  # NaN
                                    most, at = value, last
                                best[c], where[c] = most, at


@jit
def _scatter(dx, g, indices, height, width, row_stride, stride, top, left):
    _, rows, columns, channels = dx.shape
    images, out_rows, out_columns, _ = g.shape
    zero = dx.dtype.type(0)
    for image in range(images):
        dx[image] = zero
        for i in range(out_rows):
            for j in range(out_columns):
                values, where = g[image, i, j], indices[image, i, j]
                for place in range(height * width):
                    row = i * row_stride - top + place // width
                    column = j * stride - left + place % width
                    if 0 <= row < rows and 0 <= column < columns:
                        out = dx[image, row, column]
                        for c in range(channels):
                            out[c] += values[c] if where[c] == place else zero

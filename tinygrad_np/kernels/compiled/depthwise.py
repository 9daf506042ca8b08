"""Depthwise convolution of images: a sum over a window stays in a register, for a few channels.

Tables say where to look, a row for each pixel of the result and a column for each place of the
window: for a convolution which pixel of the image, for its transpose which output; -1 for none.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty
from ..threads import cut, get_num_threads, share, share_sum
from ..windows import Sizes, Windows
from .simd import fill, fma, jit, lanes, load, store, vector_type


def convolve(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, windows: Windows
) -> np.ndarray:
    start = np.zeros(x.shape[-1], x.dtype) if bias is None else bias
    return _summed(x, kernel, start, windows.counts, _pixels(windows))


def convolve_input_gradient(
    g: np.ndarray, kernel: np.ndarray, x_shape: Sizes, windows: Windows
) -> np.ndarray:
    start = np.zeros(g.shape[-1], g.dtype)
    return _summed(g, kernel, start, windows.sizes, _outputs(windows))


def convolve_kernel_gradient(
    x: np.ndarray, g: np.ndarray, kernel_shape: Sizes, windows: Windows
) -> np.ndarray:
    rows, columns = _pixels(windows)
    vector = vector_type(g.dtype, g.shape[-1])

    def term(images: slice, out: np.ndarray) -> None:
        out[...] = 0
        _add_kernel_gradient(vector, out, x[images], g[images], rows, columns)

    shape = (*windows.lengths, g.shape[-1])
    pieces = cut(len(x), get_num_threads())
    return share_sum(term, pieces, shape, x.dtype).reshape(kernel_shape)


def _pixels(windows: Windows) -> list[np.ndarray]:
    """For each dimension: window, place in it -> pixel."""
    tables = []
    for size, count, length, stride, (low, _), dilation in _dimensions(windows):
        pixel = np.arange(count)[:, None] * stride - low + np.arange(length) * dilation
        tables.append(np.where((pixel >= 0) & (pixel < size), pixel, -1))
    return tables


def _outputs(windows: Windows) -> list[np.ndarray]:
    """For each dimension: pixel, place in a window -> the window that has it there."""
    tables = []
    for size, count, length, stride, (low, _), dilation in _dimensions(windows):
        window, rest = np.divmod(
            np.arange(size)[:, None] + low - np.arange(length) * dilation, stride
        )
        tables.append(np.where((rest == 0) & (window >= 0) & (window < count), window, -1))
    return tables


def _dimensions(windows: Windows):
    return zip(
        windows.sizes,
        windows.counts,
        windows.lengths,
        windows.stride,
        windows.padding,
        windows.dilation,
        strict=True,
    )


def _summed(x, kernel, start, sizes, tables):
    y = empty((len(x), *sizes, x.shape[-1]), x.dtype)
    rows, columns = tables
    vector = vector_type(x.dtype, x.shape[-1])
    threads = get_num_threads()
    if len(x) >= threads:
        todo = [(images, slice(0, sizes[0])) for images in cut(len(x), 4 * threads)]
    else:
        todo = [(slice(0, len(x)), part) for part in cut(sizes[0], 4 * threads)]

    def work(block: tuple[slice, slice]) -> None:
        images, part = block
        _sum(vector, y[images], x[images], kernel, start, rows, columns, part.start, part.stop)

    share(work, todo, multiplies=False)
    return y


@jit
def _sum(vector, y, x, kernel, start, rows, columns, first, last):
    images, in_rows, in_columns, channels = x.shape
    _, out_rows, out_columns, _ = y.shape
    width = lanes(vector)
    lengths = rows.shape[1], columns.shape[1]
    for image in range(images):
        for i in range(first, last):
            for j in range(out_columns):
                at = ((image * out_rows + i) * out_columns + j) * channels
                for c in range(0, channels, width):
                    total = load(vector, start, c)
                    for u in range(lengths[0]):
                        if rows[i, u] < 0:
                            continue
                        line = (image * in_rows + rows[i, u]) * in_columns
                        for v in range(lengths[1]):
                            if columns[j, v] >= 0:
                                weight = load(vector, kernel, (u * lengths[1] + v) * channels + c)
                                value = load(vector, x, (line + columns[j, v]) * channels + c)
                                total = fma(value, weight, total)
                    store(y, at + c, total)


@jit
def _add_kernel_gradient(vector, out, x, g, rows, columns):
    images, in_rows, in_columns, channels = x.shape
    _, out_rows, out_columns, _ = g.shape
    width = lanes(vector)
    zero = fill(vector, 0)
    for image in range(images):
        for i in range(out_rows):
            # Rows of x and g stay in the cache while the places of the window go through them.
            at = (image * out_rows + i) * out_columns
            for u in range(rows.shape[1]):
                if rows[i, u] < 0:
                    continue
                line = (image * in_rows + rows[i, u]) * in_columns
                for v in range(columns.shape[1]):
                    first, last = 0, out_columns
                    while first < last and columns[first, v] < 0:
                        first += 1
                    while last > first and columns[last - 1, v] < 0:
                        last -= 1
                    place = (u * columns.shape[1] + v) * channels
                    for c in range(0, channels, width):
                        # Four sums, since each addition waits for the one before.
                        a, b, d, e = load(vector, out, place + c), zero, zero, zero
                        for j in range(first, last - 3, 4):
                            x0 = (line + columns[j, v]) * channels + c
                            x1 = (line + columns[j + 1, v]) * channels + c
                            x2 = (line + columns[j + 2, v]) * channels + c
                            x3 = (line + columns[j + 3, v]) * channels + c
                            here = (at + j) * channels + c
                            a = fma(load(vector, x, x0), load(vector, g, here), a)
                            b = fma(load(vector, x, x1), load(vector, g, here + channels), b)
                            d = fma(load(vector, x, x2), load(vector, g, here + 2 * channels), d)
                            e = fma(load(vector, x, x3), load(vector, g, here + 3 * channels), e)
                        for j in range(last - (last - first) % 4, last):
                            pixel = (line + columns[j, v]) * channels + c
                            a = fma(
                                load(vector, x, pixel), load(vector, g, (at + j) * channels + c), a
                            )
                        store(out, place + c, (a + b) + (d + e))

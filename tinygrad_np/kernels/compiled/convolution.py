"""The convolution of `kernels.convolution` without a matrix of its windows.

Six pixels by two vectors of filters are summed at a time, in registers, straight from the image:
for each entry of a window two loads of the kernel and six of pixels feed twelve multiplications.
Every output adds up its products in the same order, wherever it stands.
"""

from __future__ import annotations

import math

import numpy as np

from ..matmul import SMALLEST_SHARED
from ..memory import empty
from ..threads import cut, get_num_threads, share, share_sum
from ..windows import Block, Padding, Sizes, Windows, blocks, padded
from .simd import broadcast, fill, fma, jit, lanes, load, store, vector_type

PIXELS = 6


def convolve(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> np.ndarray:
    windows = Windows(x.shape[1:-1], kernel.shape[:-2], stride, padding, dilation)
    filters = kernel.shape[-1]
    vector = vector_type(x.dtype, filters // 2)
    pair = 2 * lanes(vector)
    y = empty((len(x), *windows.counts, filters), x.dtype)
    # What two vectors of filters need lies together.
    weights = kernel.reshape(len(kernel), -1, filters // pair, pair).transpose(2, 0, 1, 3).copy()
    start = np.zeros(filters, x.dtype) if bias is None else bias
    is_padded = any(map(any, padding))

    def work(block: Block) -> None:
        images, rows = block
        part = padded(x, images, windows.bounds(rows)) if is_padded else x[images]
        before = rows.start if is_padded else 0  # rows of windows that the part leaves out
        _convolve(vector, y[images], part, weights, start, rows.start, rows.stop, before, *stride)

    threads, rows = get_num_threads(), windows.counts[0]
    todo = blocks(len(x), rows, stride[0] * x[:1, :1].nbytes)
    if y.size * weights[0].size // pair >= SMALLEST_SHARED and len(todo) < 4 * threads:
        if len(x) < threads:
            todo = [(slice(i, i + 1), part) for i in range(len(x)) for part in cut(rows, threads)]
        else:  # into more parts than threads, one of which may be held up
            todo = [(images, slice(0, rows)) for images in cut(len(x), 4 * threads)]
    share(work, todo, multiplies=False)
    return y


def convolve_kernel_gradient(
    x: np.ndarray,
    g: np.ndarray,
    *,
    kernel_shape: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> np.ndarray:
    windows = Windows(x.shape[1:-1], kernel_shape[:-2], stride, padding, dilation)
    bounds = windows.bounds(slice(0, windows.counts[0]))
    vector = vector_type(g.dtype, kernel_shape[-1] // 4)

    def term(images: slice, out: np.ndarray) -> None:
        out[...] = 0
        if not any(map(any, padding)):
            _add_kernel_gradient(vector, out, x[images], g[images], *kernel_shape[1:3], *stride)
            return
        for i in range(images.start, images.stop):  # one padded copy at a time
            part = padded(x, slice(i, i + 1), bounds)
            _add_kernel_gradient(vector, out, part, g[i : i + 1], *kernel_shape[1:3], *stride)

    shape = (math.prod(kernel_shape[:-1]), kernel_shape[-1])
    pieces = get_num_threads() if g.size * shape[0] >= SMALLEST_SHARED else 1
    return share_sum(term, cut(len(x), pieces), shape, x.dtype).reshape(kernel_shape)


@jit
def _convolve(vector, y, x, weights, bias, first, last, before, row_stride, stride):
    images, rows, columns, channels = x.shape
    _, out_rows, out_columns, filters = y.shape
    panels, places, run, pair = weights.shape
    width = lanes(vector)
    zero = fill(vector, 0)
    corners = np.empty((last - first, out_columns), np.intp)  # where a window begins
    for i in range(first, last):
        for j in range(out_columns):
            row = (i - before) * row_stride
            corners[i - first, j] = (row * columns + j * stride) * channels
    corners = corners.reshape(-1)
    for image in range(images):
        for panel in range(panels):
            bias0, bias1 = (
                load(vector, bias, panel * pair),
                load(vector, bias, panel * pair + width),
            )
            for group in range(0, corners.size, PIXELS):
                pixel = min(group, corners.size - PIXELS)  # some pixels twice, to the same result
                a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = e0 = e1 = f0 = f1 = zero
                w = panel * places * run * pair
                for place in range(places):
                    at = (image * rows + place) * columns * channels
                    a, b, c = (
                        at + corners[pixel],
                        at + corners[pixel + 1],
                        at + corners[pixel + 2],
                    )
                    d, e, f = (
                        at + corners[pixel + 3],
                        at + corners[pixel + 4],
                        at + corners[pixel + 5],
                    )
                    for k in range(run):
                        w0, w1 = load(vector, weights, w), load(vector, weights, w + width)
                        w += pair
                        value = broadcast(vector, x, a + k)
                        a0, a1 = fma(value, w0, a0), fma(value, w1, a1)
                        value = broadcast(vector, x, b + k)
                        b0, b1 = fma(value, w0, b0), fma(value, w1, b1)
                        value = broadcast(vector, x, c + k)
                        c0, c1 = fma(value, w0, c0), fma(value, w1, c1)
                        value = broadcast(vector, x, d + k)
                        d0, d1 = fma(value, w0, d0), fma(value, w1, d1)
                        value = broadcast(vector, x, e + k)
                        e0, e1 = fma(value, w0, e0), fma(value, w1, e1)
                        value = broadcast(vector, x, f + k)
                        f0, f1 = fma(value, w0, f0), fma(value, w1, f1)
                row = image * out_rows + first
                at = (row * out_columns + pixel) * filters + panel * pair
                for sums0, sums1 in (
                    (a0, a1),
                    (b0, b1),
                    (c0, c1),
                    (d0, d1),
                    (e0, e1),
                    (f0, f1),
                ):
                    store(y, at, sums0 + bias0)
                    store(y, at + width, sums1 + bias1)
                    at += filters


@jit
def _add_kernel_gradient(vector, dk, x, g, length, depth, row_stride, stride):
    """Three entries of a window by four vectors of filters at a time."""
    images, rows, columns, channels = x.shape
    _, out_rows, out_columns, filters = g.shape
    width = lanes(vector)
    zero = fill(vector, 0)
    entries = len(dk)
    begins = np.empty(entries, np.intp)  # where in a window each entry lies
    for entry in range(entries):
        place, channel = divmod(entry, depth)
        begins[entry] = (place // length * columns + place % length) * channels + channel
    for image in range(images):
        for group in range(0, entries, 3):
            first = min(group, entries - 3)
            for filter in range(0, filters, 4 * width):
                a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = c0 = c1 = c2 = c3 = zero
                for i in range(out_rows):
                    row = (image * rows + i * row_stride) * columns * channels
                    a, b, c = row + begins[first], row + begins[first + 1], row + begins[first + 2]
                    at = (image * out_rows + i) * out_columns * filters + filter
                    for _ in range(out_columns):
                        g0, g1 = load(vector, g, at), load(vector, g, at + width)
                        g2, g3 = load(vector, g, at + 2 * width), load(vector, g, at + 3 * width)
                        value = broadcast(vector, x, a)
                        a0, a1 = fma(value, g0, a0), fma(value, g1, a1)
                        a2, a3 = fma(value, g2, a2), fma(value, g3, a3)
                        value = broadcast(vector, x, b)
                        b0, b1 = fma(value, g0, b0), fma(value, g1, b1)
                        b2, b3 = fma(value, g2, b2), fma(value, g3, b3)
                        value = broadcast(vector, x, c)
                        c0, c1 = fma(value, g0, c0), fma(value, g1, c1)
                        c2, c3 = fma(value, g2, c2), fma(value, g3, c3)
                        at += filters
                        a += stride * channels
                        b += stride * channels
                        c += stride * channels
                # Where groups overlap, an entry has been added already.
                for entry, sums in (
                    (first, (a0, a1, a2, a3)),
                    (first + 1, (b0, b1, b2, b3)),
                    (first + 2, (c0, c1, c2, c3)),
                ):
                    if entry >= group:
                        at = entry * filters + filter
                        for total in sums:
                            store(dk, at, load(vector, dk, at) + total)
                            at += width

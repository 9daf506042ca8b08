"""The convolution of `kernels.convolution` without a matrix of its windows.

Six pixels by two vectors of filters are summed at a time, in registers, straight from the image:
for each entry of a window two loads of the kernel and six of pixels feed twelve multiplications.
Every output adds up its products in the same order, wherever it stands.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty
from ..threads import cut, get_num_threads, share
from ..windows import Block, Padding, Sizes, Windows, padded
from .simd import VECTOR_BYTES, broadcast, fill, fma, jit, load, store

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
    filters, lanes = kernel.shape[-1], 2 * VECTOR_BYTES // x.itemsize
    y = empty((len(x), *windows.counts, filters), x.dtype)
    # What two vectors of filters need lies together.
    weights = kernel.reshape(len(kernel), -1, filters // lanes, lanes).transpose(2, 0, 1, 3).copy()
    start = np.zeros(filters, x.dtype) if bias is None else bias

    def work(block: Block) -> None:
        images, rows = block
        all_rows = slice(0, windows.counts[0])
        part = padded(x, images, windows.bounds(all_rows)) if np.any(padding) else x[images]
        _convolve(y[images], part, weights, start, rows.start, rows.stop, *stride)

    pieces = 4 * get_num_threads()  # more than threads, one of which may be held up
    if len(x) >= pieces:
        todo = [(images, slice(0, windows.counts[0])) for images in cut(len(x), pieces)]
    else:
        rows = cut(windows.counts[0], get_num_threads())
        todo = [(slice(i, i + 1), part) for i in range(len(x)) for part in rows]
    share(work, todo, multiplies=False)
    return y


@jit
def _convolve(y, x, weights, bias, first, last, row_stride, stride):
    images, rows, columns, channels = x.shape
    _, out_rows, out_columns, filters = y.shape
    panels, places, run, lanes = weights.shape
    width, step = VECTOR_BYTES // x.itemsize, stride * channels
    zero = fill(x.dtype.type(0))
    for image in range(images):
        for panel in range(panels):
            for i in range(first, last):
                for group in range(0, out_columns, PIXELS):
                    j = min(group, out_columns - PIXELS)  # some pixels twice, to the same result
                    a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = e0 = e1 = f0 = f1 = zero
                    w = panel * places * run * lanes
                    for place in range(places):
                        row = image * rows + i * row_stride + place
                        at = (row * columns + j * stride) * channels
                        for k in range(at, at + run):
                            w0, w1 = load(weights, w), load(weights, w + width)
                            w += lanes
                            pixel = broadcast(x, k)
                            a0, a1 = fma(pixel, w0, a0), fma(pixel, w1, a1)
                            pixel = broadcast(x, k + step)
                            b0, b1 = fma(pixel, w0, b0), fma(pixel, w1, b1)
                            pixel = broadcast(x, k + 2 * step)
                            c0, c1 = fma(pixel, w0, c0), fma(pixel, w1, c1)
                            pixel = broadcast(x, k + 3 * step)
                            d0, d1 = fma(pixel, w0, d0), fma(pixel, w1, d1)
                            pixel = broadcast(x, k + 4 * step)
                            e0, e1 = fma(pixel, w0, e0), fma(pixel, w1, e1)
                            pixel = broadcast(x, k + 5 * step)
                            f0, f1 = fma(pixel, w0, f0), fma(pixel, w1, f1)
                    at = ((image * out_rows + i) * out_columns + j) * filters + panel * lanes
                    bias0, bias1 = load(bias, panel * lanes), load(bias, panel * lanes + width)
                    store(y, at, a0 + bias0)
                    store(y, at + width, a1 + bias1)
                    at += filters
                    store(y, at, b0 + bias0)
                    store(y, at + width, b1 + bias1)
                    at += filters
                    store(y, at, c0 + bias0)
                    store(y, at + width, c1 + bias1)
                    at += filters
                    store(y, at, d0 + bias0)
                    store(y, at + width, d1 + bias1)
                    at += filters
                    store(y, at, e0 + bias0)
                    store(y, at + width, e1 + bias1)
                    at += filters
                    store(y, at, f0 + bias0)
                    store(y, at + width, f1 + bias1)

"""Depthwise convolution of raw arrays: each channel with a filter of its own, channels last.

    y[n, o, c] = bias[c] + sum over k of x[n, o * stride - low + k * dilation, c] kernel[k, c]

Nothing is summed over channels, so there is no matrix product to be had. Instead all windows' first
elements, one strided view of x, are multiplied by the first row of the kernel, all their second
elements by the second, and so on, on so few rows of an image that the sum stays in the cache.
"""

from __future__ import annotations

import math

import numpy as np

from .choice import or_compiled
from .memory import empty
from .threads import share, share_sum, workspace
from .windows import Block, Sizes, Windows, blocks, by_image, padded

__all__ = ["convolve", "convolve_input_gradient", "convolve_kernel_gradient"]

# How much smaller than another kernel's the workspace of a block is to be: it is gone through once
# for each element of a window, and should not leave the cache nearest to the core.
SMALLER = 4


@or_compiled
def convolve(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, windows: Windows
) -> np.ndarray:
    """`convolution.convolve` with as many groups and filters as channels."""
    dtype = np.result_type(x, kernel)
    y = empty((len(x), *windows.counts, x.shape[-1]), dtype)
    weights = kernel.reshape(-1, x.shape[-1])

    def work(block: Block) -> None:
        part = y[block]
        term = workspace("term", part.shape, dtype)
        for number, tap in enumerate(_taps(x, block, windows)):
            if number == 0:
                np.multiply(tap, weights[0], out=part)
            else:
                part += np.multiply(tap, weights[number], out=term)
        if bias is not None:
            part += bias

    share(work, _blocks(x, windows, dtype), multiplies=False)
    return y


@or_compiled
def convolve_input_gradient(
    g: np.ndarray, kernel: np.ndarray, x_shape: Sizes, windows: Windows
) -> np.ndarray:
    """`convolution.convolve_input_gradient` with as many groups and filters as channels."""
    dtype = np.result_type(g, kernel)
    dx = empty(x_shape, dtype)
    weights = kernel.reshape(-1, x_shape[-1])

    def work(image_blocks: list[Block]) -> None:
        part = dx[image_blocks[0][0]]
        part[...] = 0
        for block in image_blocks:
            cotangent = g[block]
            for number, source, window in windows.taps(block[1]):
                tap = cotangent[:, *window]
                term = workspace("term", tap.shape, dtype)
                part[:, *source] += np.multiply(tap, weights[number], out=term)

    share(work, by_image(_blocks(dx, windows, dtype)), multiplies=False)
    return dx


@or_compiled
def convolve_kernel_gradient(
    x: np.ndarray, g: np.ndarray, kernel_shape: Sizes, windows: Windows
) -> np.ndarray:
    """`convolution.convolve_kernel_gradient` with as many groups and filters as channels."""
    dtype = np.result_type(x, g)

    def term(block: Block, out: np.ndarray) -> None:
        cotangent = g[block]
        product = workspace("product", cotangent.shape, dtype)
        rows = product.reshape(-1, g.shape[-1])
        ones = np.ones(len(rows), dtype)
        for number, tap in enumerate(_taps(x, block, windows)):
            np.multiply(tap, cotangent, out=product)
            np.matmul(ones, rows, out=out[number])  # sums columns faster than np.sum does

    shape = (math.prod(windows.lengths), g.shape[-1])
    return share_sum(term, _blocks(x, windows, dtype), shape, dtype).reshape(kernel_shape)


def _taps(x: np.ndarray, block: Block, windows: Windows) -> list[np.ndarray]:
    """For each place in a window, that element of all windows of a block: (n, *counts, C)."""
    images, rows = block
    view = windows.view(padded(x, images, windows.bounds(rows)))
    first = 1 + len(windows.lengths)
    return [view[(slice(None),) * first + place] for place in np.ndindex(windows.lengths)]


def _blocks(x: np.ndarray, windows: Windows, dtype: np.dtype) -> list[Block]:
    rows, *line = windows.counts
    return blocks(len(x), rows, SMALLER * math.prod(line) * x.shape[-1] * dtype.itemsize)

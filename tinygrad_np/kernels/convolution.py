"""Convolution of raw arrays in any number of spatial dimensions, channels last.

Like every deep-learning library this computes a cross-correlation. With x (N, *S, C), a kernel
(*K, C / groups, O) and one index for all dimensions of a kind,

    y[n, o, j] = bias[j] + sum over k, c of x[n, o * stride - low + k * dilation, c] kernel[k, c, j]

where x is zero outside its bounds. The sum over (k, c) is a matrix product once the windows of x
stand in a matrix, a row for each output pixel and a column for each (k, c): "im2col" (Chellapilla,
Puri and Simard, "High performance convolutional neural networks for document processing", 2006).
Written Y = X K, the transposes of this linear map are the gradients: dX = dY Kᵀ, added back to the
pixels that the entries of X came from, and dK = Xᵀ dY.

X holds a pixel of x once for each window that it is in. That X need never exist as a whole, it is
made for a few images at a time, or a few rows of a large one, in a workspace small enough to stay
in the processor's cache until the product has read it.
"""

from __future__ import annotations

import math

import numpy as np

from . import depthwise, winograd
from .choice import or_compiled
from .memory import empty
from .threads import share, share_sum, workspace
from .windows import Block, Padding, Sizes, Windows, blocks, by_image, padded

__all__ = ["convolve", "convolve_input_gradient", "convolve_kernel_gradient"]

# NumPy copies and adds fast where the innermost run is long. Usually that is the channels; where a
# pixel has few, the pixels have to stand innermost, and matrices of columns are transposed.
SHORT_RUN = 16


@or_compiled
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
    """The convolution y (N, *counts, O) of x (N, *S, C) with a kernel (*K, C / groups, O).

    `bias` is (O,) or None; `stride`, `padding` (pairs of low and high) and `dilation` have an entry
    for each spatial dimension.
    """
    windows = Windows(x.shape[1:-1], kernel.shape[:-2], stride, padding, dilation)
    if groups == x.shape[-1] == kernel.shape[-1] > 1:
        return depthwise.convolve(x, kernel, bias, windows)
    dtype = np.result_type(x, kernel)
    y = empty((len(x), *windows.counts, kernel.shape[-1]), dtype)
    weights = _by_group(kernel.reshape(-1, y.shape[-1]).astype(dtype, copy=False), groups)

    def work(block: Block) -> None:
        part = y[block]
        columns = _columns(x, block, windows, groups, dtype)
        np.matmul(columns, weights, out=_by_group(part.reshape(-1, y.shape[-1]), groups))
        if bias is not None:
            part += bias  # while the block is in the cache

    share(work, _blocks(len(x), windows, kernel.shape, groups, dtype))
    return y


@or_compiled
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
    """The cotangent of the kernel, for x (N, *S, C) and the cotangent g (N, *counts, O) of y."""
    windows = Windows(x.shape[1:-1], kernel_shape[:-2], stride, padding, dilation)
    if groups == x.shape[-1] == g.shape[-1] > 1:
        return depthwise.convolve_kernel_gradient(x, g, kernel_shape, windows)
    dtype = np.result_type(x, g)
    if winograd.pays(len(x), windows, kernel_shape, groups, dtype):
        return winograd.convolve_kernel_gradient(x, g, windows)

    def term(block: Block, out: np.ndarray) -> None:
        columns = _columns(x, block, windows, groups, dtype)
        cotangent = _by_group(g[block].reshape(-1, g.shape[-1]), groups)
        np.matmul(columns.swapaxes(1, 2), cotangent, out=out)

    shape = (groups, math.prod(kernel_shape[:-1]), kernel_shape[-1] // groups)
    todo = _blocks(len(x), windows, kernel_shape, groups, dtype)
    return share_sum(term, todo, shape, dtype).swapaxes(0, 1).reshape(kernel_shape)


def convolve_input_gradient(
    g: np.ndarray,
    kernel: np.ndarray,
    *,
    x_shape: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> np.ndarray:
    """The cotangent of x, of `x_shape`, for the cotangent g (N, *counts, O) of y."""
    windows = Windows(x_shape[1:-1], kernel.shape[:-2], stride, padding, dilation)
    if groups == x_shape[-1] == g.shape[-1] > 1:
        return depthwise.convolve_input_gradient(g, kernel, x_shape, windows)
    dtype = np.result_type(g, kernel)
    if winograd.pays(len(g), windows, kernel.shape, groups, dtype):
        return winograd.convolve_input_gradient(g, kernel, x_shape[-1], windows)
    places, channels = math.prod(windows.lengths), kernel.shape[-2]
    dx = empty(x_shape, dtype)
    pixels_innermost = channels < SHORT_RUN // 2
    weights: np.ndarray = kernel.reshape(places, channels, groups, -1).astype(dtype, copy=False)
    if pixels_innermost:
        weights = weights.transpose(2, 0, 1, 3).reshape(groups, places * channels, -1)
    else:
        weights = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))

    def work(image_blocks: list[Block]) -> None:
        part = target = dx[image_blocks[0][0]].reshape(-1, *windows.sizes, groups, channels)
        if pixels_innermost:
            shape = (groups, channels, len(part), *windows.sizes)
            target = np.moveaxis(workspace("image", shape, dtype), (0, 1), (-2, -1))
        target[...] = 0
        for block in image_blocks:
            counts = g[block].shape[:-1]
            cotangent = _by_group(g[block].reshape(-1, g.shape[-1]), groups)
            # Either way, the columns (places, *counts, groups, channels) for each place one piece.
            if pixels_innermost:
                matrix = workspace("columns", (groups, weights.shape[1], math.prod(counts)), dtype)
                np.matmul(weights, cotangent.swapaxes(1, 2), out=matrix)
                columns = matrix.reshape(groups, places, channels, *counts)
                columns = np.moveaxis(columns, (0, 2), (-2, -1))
            else:
                shape = (places, groups, math.prod(counts), channels)
                matrix = workspace("columns", shape, dtype)
                np.matmul(cotangent, weights, out=matrix)
                columns = np.moveaxis(matrix.reshape(places, groups, *counts, channels), 1, -2)
            for k, source, window in windows.taps(block[1]):
                target[:, *source] += columns[k][:, *window]
        if target is not part:
            np.copyto(part, target)

    share(work, by_image(_blocks(len(g), windows, kernel.shape, groups, dtype)))
    return dx


def _blocks(
    images: int, windows: Windows, kernel_shape: Sizes, groups: int, dtype: np.dtype
) -> list[Block]:
    rows, *line = windows.counts
    columns = math.prod(kernel_shape[:-1]) * groups
    return blocks(images, rows, math.prod(line) * columns * dtype.itemsize)


def _by_group(matrix: np.ndarray, groups: int) -> np.ndarray:
    """View (rows, groups * m) as (groups, rows, m)."""
    return matrix.reshape(len(matrix), groups, -1).swapaxes(0, 1)


def _columns(
    x: np.ndarray, block: Block, windows: Windows, groups: int, dtype: np.dtype
) -> np.ndarray:
    """The windows of a block as rows of a matrix: (groups, pixels, places * channels of a group).

    Valid until the calling thread's next call.
    """
    images, rows = block
    view = windows.view(padded(x, images, windows.bounds(rows)))
    channels = x.shape[-1] // groups
    if groups == 1:
        view = view[None]
    else:
        view = np.moveaxis(view.reshape(*view.shape[:-1], groups, channels), -2, 0)
    pixel_axes = len(windows.lengths) + 1  # images as well
    pixels = math.prod(view.shape[1 : 1 + pixel_axes])
    if view.flags.c_contiguous and view.dtype == dtype:  # as for 1 × 1 kernels
        return view.reshape(groups, pixels, -1)
    run = channels * (windows.lengths[-1] if windows.dilation[-1] == 1 else 1)
    pixels_innermost = run < min(SHORT_RUN, windows.counts[-1])
    if pixels_innermost:
        pixel_order = range(1, 1 + pixel_axes)
        view = view.transpose(0, *range(1 + pixel_axes, view.ndim), *pixel_order)
    columns = workspace("columns", view.shape, dtype)
    np.copyto(columns, view)
    if pixels_innermost:
        return columns.reshape(groups, -1, pixels).swapaxes(1, 2)
    return columns.reshape(groups, pixels, -1)

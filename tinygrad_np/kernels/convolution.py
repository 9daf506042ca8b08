"""Convolution of raw arrays in any number of spatial dimensions, channels last.

Like every deep-learning library this computes a cross-correlation. With x (N, *S, C), a kernel
(*K, C / groups, O) and one index for all dimensions of a kind,

    y[n, o, j] = bias[j] + sum over k, c of x[n, o * stride - low + k * dilation, c] kernel[k, c, j]

where x is zero outside its bounds. The sum over (k, c) is a matrix product once the windows of x
stand in a matrix, a row for each output pixel and a column for each (k, c): "im2col" (Chellapilla,
Puri and Simard, 2006). Written Y = X K, the transposes of this linear map are the gradients:
dX = dY Kᵀ, added back to the pixels that the rows of X came from, and dK = Xᵀ dY.

X holds every pixel of x once for every place in the kernel. So that it never has to exist as a whole,
it is made for a few images at a time, or for a few rows of a large one, in a workspace small enough
to stay in the processor's cache until the product has read it.
"""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_np.kernels import winograd
from tinygrad_np.kernels.threads import share, share_sum, workspace
from tinygrad_np.kernels.windows import Block, Padding, Sizes, blocks, output_shape, padded, taps

__all__ = ["convolve", "convolve_input_gradient", "convolve_kernel_gradient"]


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
    """The convolution y (N, *out, O) of x (N, *S, C) with kernel (*K, C / groups, O)."""
    window, dtype = kernel.shape[:-2], np.result_type(x, kernel)
    outputs = output_shape(x.shape[1:-1], window, stride, padding, dilation)
    y = np.empty((len(x), *outputs, kernel.shape[-1]), dtype)
    if winograd.pays(y.shape, kernel.shape, stride, dilation, groups, dtype):
        return winograd.convolve(x, kernel, bias, padding=padding)
    weights = _by_group(kernel.reshape(-1, kernel.shape[-1]).astype(dtype, copy=False), groups)

    def work(block: Block) -> None:
        columns = _columns(x, block, outputs, window, stride, padding, dilation, groups, dtype)
        part = y[block]
        np.matmul(columns, weights, out=_by_group(part.reshape(-1, part.shape[-1]), groups))
        if bias is not None:
            part += bias  # while the block is in the cache

    share(work, blocks(len(x), outputs[0], _row_bytes(outputs, kernel.shape, groups, dtype)))
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
    """The cotangent of the kernel, of `kernel_shape`, for the cotangent g (N, *out, O) of y."""
    window, outputs, dtype = kernel_shape[:-2], g.shape[1:-1], np.result_type(x, g)
    if winograd.pays(g.shape, kernel_shape, stride, dilation, groups, dtype):
        return winograd.convolve_kernel_gradient(x, g, padding=padding)

    def term(block: Block, out: np.ndarray) -> None:
        columns = _columns(x, block, outputs, window, stride, padding, dilation, groups, dtype)
        g_block = _by_group(g[block].reshape(-1, g.shape[-1]), groups)
        np.matmul(columns.swapaxes(1, 2), g_block, out=out)

    todo = blocks(len(x), outputs[0], _row_bytes(outputs, kernel_shape, groups, dtype))
    shape = (groups, math.prod(kernel_shape[:-1]), kernel_shape[-1] // groups)
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
    """The cotangent of x, of `x_shape`, for the cotangent g (N, *out, O) of y."""
    window, outputs, dtype = kernel.shape[:-2], g.shape[1:-1], np.result_type(g, kernel)
    if winograd.pays(g.shape, kernel.shape, stride, dilation, groups, dtype):
        return winograd.convolve_input_gradient(g, kernel, x_shape=x_shape, padding=padding)
    channels = kernel.shape[-2]
    dx = np.empty(x_shape, dtype)
    # A matrix for each place in the kernel, so that what is added to the shifted image is one piece.
    weights = kernel.reshape(-1, channels, groups, kernel.shape[-1] // groups)
    weights = np.ascontiguousarray(weights.transpose(0, 2, 3, 1), dtype)

    def work(image_blocks: list[Block]) -> None:
        dx[image_blocks[0][0]] = 0
        for images, rows in image_blocks:
            g_block = g[images, rows]
            pixels = g_block.shape[:-1]
            columns = workspace(
                "columns", (len(weights), groups, math.prod(pixels), channels), dtype
            )
            np.matmul(_by_group(g_block.reshape(-1, g.shape[-1]), groups), weights, out=columns)
            target = dx[images].reshape(-1, *x_shape[1:-1], groups, channels)
            columns = np.moveaxis(columns.reshape(-1, groups, *pixels, channels), 1, -2)
            for k, source, windows in taps(
                x_shape[1:-1], outputs, window, stride, padding, dilation, rows
            ):
                target[:, *source] += columns[k][:, *windows]

    # The windows of neighbouring rows overlap: an image's blocks stay together, in one thread.
    todo = blocks(len(g), outputs[0], _row_bytes(outputs, kernel.shape, groups, dtype))
    share(work, [list(group) for _, group in groupby(todo, key=lambda block: block[0].start)])
    return dx


def _row_bytes(outputs: Sizes, kernel_shape: Sizes, groups: int, dtype: np.dtype) -> int:
    """The size of the columns for one row of output."""
    return math.prod(outputs[1:]) * math.prod(kernel_shape[:-1]) * groups * dtype.itemsize


def _by_group(matrix: np.ndarray, groups: int) -> np.ndarray:
    """View (rows, groups * m) as (groups, rows, m)."""
    return matrix.reshape(len(matrix), groups, -1).swapaxes(0, 1)


def _columns(
    x: np.ndarray,
    block: Block,
    outputs: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    dtype: np.dtype,
) -> np.ndarray:
    """The windows of a block as rows: (groups, pixels, window * channels of a group).

    Valid until the calling thread's next call.
    """
    images, rows = block
    span = (window[0] - 1) * dilation[0] + 1
    bounds = [(rows.start * stride[0], (rows.stop - 1) * stride[0] + span)]
    bounds += [
        (0, size + low + high) for size, (low, high) in zip(x.shape[2:-1], padding[1:], strict=True)
    ]
    x = padded(
        x, images, [(a - low, b - low) for (a, b), (low, _) in zip(bounds, padding, strict=True)]
    )
    dims = len(window)
    channels = x.shape[-1] // groups
    outputs = (rows.stop - rows.start, *outputs[1:])
    steps = x.strides[1:-1]
    # Axes: groups, images, outputs, window, channels.
    windows = as_strided(
        x,
        (groups, len(x), *outputs, *window, channels),
        (
            channels * x.strides[-1],
            x.strides[0],
            *(step * s for step, s in zip(steps, stride, strict=True)),
            *(step * d for step, d in zip(steps, dilation, strict=True)),
            x.strides[-1],
        ),
    )
    matrix = (groups, len(x) * math.prod(outputs), math.prod(window) * channels)
    if windows.flags.c_contiguous and x.dtype == dtype:  # as for 1 × 1 kernels
        return windows.reshape(matrix)
    # A copy is fast where its innermost run is long. That is a line of the window where pixels have
    # many channels; where they have few, it is a line of pixels, and the matrix stands transposed.
    run = channels * (window[-1] if dilation[-1] == 1 else 1)
    transposed = run < min(outputs[-1], 16)
    if transposed:
        windows = windows.transpose(0, *range(2 + dims, 3 + 2 * dims), *range(1, 2 + dims))
    columns = workspace("columns", windows.shape, dtype)
    np.copyto(columns, windows)
    if transposed:
        return columns.reshape(groups, matrix[2], matrix[1]).swapaxes(1, 2)
    return columns.reshape(matrix)

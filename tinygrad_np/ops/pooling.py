"""Pooling: one number for each window of an image and channel.

Max pooling is a choice followed by a linear map: `indices` says which place of each window was
chosen. Its VJP sends g to those places; the VJP of that fetches from them; and so on. Average
pooling sums windows; its VJP spreads g over them; and the VJP of that sums them again.
"""

from __future__ import annotations

import math

import numpy as np

from ..arguments import checked
from ..core.primitive import primitive
from ..kernels import pooling as kernels
from .convolution import _per_dimension, check_window_fits, resolve_padding


def _window_flops(output, x, *args, window, **geometry):
    output = output[0] if isinstance(output, tuple) else output
    return output.size * math.prod(window)


@primitive(name="max_pool2d", flops=_window_flops)
def _max_pool(x, *, window, stride, padding):
    return kernels.max_pool(x, window=window, stride=stride, padding=padding)


@primitive
def scatter_to_windows(g, indices, *, x_shape, window, stride, padding):
    """Zeros of `x_shape`, with each g added at the place in its window that `indices` names."""
    return kernels.scatter_to_windows(
        g, indices, x_shape=x_shape, window=window, stride=stride, padding=padding
    )


@primitive
def gather_from_windows(x, indices, *, window, stride, padding):
    """From each window of x the element that `indices` names: the transpose of scattering."""
    return kernels.gather_from_windows(x, indices, window=window, stride=stride, padding=padding)


@primitive(flops=_window_flops)
def sum_pool(x, *, window, stride, padding):
    """The sum of each window."""
    return kernels.sum_pool(x, window=window, stride=stride, padding=padding)


@primitive
def spread_to_windows(g, *, x_shape, window, stride, padding):
    """Each g added to every place of its window: the transpose of summing."""
    return kernels.spread_to_windows(
        g, x_shape=x_shape, window=window, stride=stride, padding=padding
    )


_max_pool.defvjp(
    lambda g, y, x, **p: scatter_to_windows(g[0], y[1], x_shape=x.shape, **p),
)
scatter_to_windows.defvjp(
    lambda h, dx, g, indices, x_shape, **p: gather_from_windows(h, indices, **p),
)
gather_from_windows.defvjp(
    lambda g, y, x, indices, **p: scatter_to_windows(g, indices, x_shape=x.shape, **p),
)
sum_pool.defvjp(lambda g, y, x, **p: spread_to_windows(g, x_shape=x.shape, **p))
spread_to_windows.defvjp(lambda h, dx, g, x_shape, **p: sum_pool(h, **p))


@checked()
def max_pool2d(x, window=2, *, stride=None, padding="valid"):
    """The largest element of each window of each channel.

    y[n, p, q, c] = max over (u, v) of x[n, p · stride + u, q · stride + v, c]. Its derivative is 1
    with respect to the element that was the largest, 0 with respect to the others: the VJP adds
    every g to the place in x where its maximum came from. Among equal ones that is the first, as in
    TensorFlow.

    Args:
        x: (N, H, W, C).
        window: an int, or (height, width).
        stride: an int or two of them; the window by default, so that windows tile the image.
        padding: as in `conv2d`. Padding is never the maximum.

    Returns:
        (N, H', W', C).

    Raises:
        ValueError: naming the argument that doesn't fit.

    Behaves like Keras's `MaxPooling2D`.

    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    x, geometry = _geometry("max_pool2d", x, window, stride, padding)
    return _max_pool(x, **geometry)[0]


@checked()
def avg_pool2d(x, window=2, *, stride=None, padding="valid"):
    """The mean of each window of each channel; padding is not counted.

    y = Σ x / n over the window, with n the number of its elements inside the image. The VJP
    spreads g / n over the window. Arguments, errors and result as those of `max_pool2d`.

    Behaves like Keras's `AveragePooling2D`.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    x, geometry = _geometry("avg_pool2d", x, window, stride, padding)
    inside = np.ones((1, *x.shape[1:3], 1), x.dtype)
    return sum_pool(x, **geometry) / kernels.sum_pool(inside, **geometry)


@checked()
def global_avg_pool2d(x):
    """The mean of each channel over all pixels: (N, H, W, C) to (N, C).

    >>> global_avg_pool2d(np.ones((2, 4, 4, 3))).shape
    (2, 3)
    """
    if np.ndim(x) != 4:
        raise ValueError(f"global_avg_pool2d: x must be (N, H, W, C), it has shape {np.shape(x)}")
    return np.mean(x, axis=(1, 2))


def _geometry(name, x, window, stride, padding):
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"{name}: x must be (N, H, W, C), it has shape {x.shape}")
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x must be real floating-point, it is {x.dtype}")
    window = _per_dimension(name, "window", window, 2)
    stride = window if stride is None else _per_dimension(name, "stride", stride, 2)
    pads = resolve_padding(name, padding, x.shape[1:3], window, stride, (1, 1))
    check_window_fits(name, "window", x.shape[1:3], window, pads, (1, 1))
    if any(max(pair) >= k for pair, k in zip(pads, window, strict=True)):
        raise ValueError(f"{name}: padding {pads} must be smaller than the window {window}")
    return x, {"window": window, "stride": stride, "padding": pads}

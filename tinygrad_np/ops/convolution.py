"""Convolution in one, two and three dimensions: one operation for every stride, padding, dilation
and number of groups.

    y[n, o, j] = bias[j] + Σ_{k, c} x[n, o · stride - low + k · dilation, c] · kernel[k, c, j]

with one index o, k for all spatial dimensions together, and x zero outside its bounds. y is
bilinear in x and the kernel: write it C(x, K). A bilinear map has two transposes, and they are the
VJPs:

- X(g, K), which sends every g[n, o, j] back through the kernel to the pixels that it came from:
  dx[n, i, c] = Σ kernel[k, c, j] · g[n, o, j], over o, k with o · stride - low + k · dilation = i;
- K(x, g), which correlates the image with g:
  dkernel[k, c, j] = Σ_{n, o} x[n, o · stride - low + k · dilation, c] · g[n, o, j].

Both are bilinear themselves, and since ⟨g, C(x, K)⟩ = ⟨X(g, K), x⟩ = ⟨K(x, g), K⟩, the transposes
of each of the three are the other two. So three operations with two VJPs each can be differentiated
any number of times. The bias is added to every pixel; its VJP is the sum of g over images and
pixels.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from ..arguments import checked
from ..core.primitive import primitive
from ..kernels import convolution as kernels


def _flops(output, x, kernel, bias=None, **_):
    return 2 * output.size * math.prod(kernel.shape[:-1])


def _input_gradient_flops(output, g, kernel, **_):
    return 2 * g.size * math.prod(kernel.shape[:-1])


def _kernel_gradient_flops(output, x, g, **_):
    return 2 * g.size * math.prod(output.shape[:-1])


def _convolve(x, kernel, bias=None, **geometry):
    if bias is not None:
        x = x.astype(np.result_type(x, kernel, bias), copy=False)
    return kernels.convolve(x, kernel, bias, **geometry)


class _Family:
    """The three operations C, X and K for one number of dimensions."""

    def __init__(self, dims: int) -> None:
        name = f"conv{dims}d"
        self.convolve = primitive(_convolve, name=name, flops=_flops)
        self.input_gradient = primitive(
            kernels.convolve_input_gradient,
            name=f"{name}_input_gradient",
            flops=_input_gradient_flops,
        )
        self.kernel_gradient = primitive(
            kernels.convolve_kernel_gradient,
            name=f"{name}_kernel_gradient",
            flops=_kernel_gradient_flops,
        )

        def x_vjp(g, y, x, kernel, bias=None, **p):
            return self.input_gradient(g, kernel, x_shape=x.shape, **p)

        def kernel_vjp(g, y, x, kernel, bias=None, **p):
            return self.kernel_gradient(x, g, kernel_shape=kernel.shape, **p)

        def bias_vjp(g, y, x, kernel, bias=None, **p):
            return g  # it was broadcast

        self.convolve.defvjp(x_vjp, kernel_vjp, bias_vjp)
        self.input_gradient.defvjp(
            lambda h, dx, g, kernel, x_shape, **p: self.convolve(h, kernel, **p),
            lambda h, dx, g, kernel, x_shape, **p: self.kernel_gradient(
                h, g, kernel_shape=kernel.shape, **p
            ),
        )
        self.kernel_gradient.defvjp(
            lambda h, dk, x, g, kernel_shape, **p: self.input_gradient(g, h, x_shape=x.shape, **p),
            lambda h, dk, x, g, kernel_shape, **p: self.convolve(x, h, **p),
        )


_families = {dims: _Family(dims) for dims in (1, 2, 3)}


@checked()
def conv2d(x, kernel, bias=None, *, stride=1, padding="valid", dilation=1, groups=1):
    """Two-dimensional convolution (a cross-correlation, as in every deep-learning library).

    y[n, p, q, j] = bias[j] + Σ_{u, v, c} kernel[u, v, c, j] · x[n, p · stride + u · dilation,
    q · stride + v · dilation, c], where x is zero in the padding. This module's docstring derives
    the VJPs.

    Args:
        x: images (N, H, W, C).
        kernel: (KH, KW, C / groups, F).
        bias: (F,), or None.
        stride: pixels from one window to the next: an int, or one for each dimension.
        padding: "valid" (none), "same" (the output has ⌈size / stride⌉ pixels; TensorFlow's rule,
            with the odd pixel at the end), an int, or ((top, bottom), (left, right)).
        dilation: pixels from one tap of the kernel to the next: an int, or one for each dimension.
        groups: the channels of x and the filters are split into so many groups, and a group of
            filters sees only its group of channels; `groups=C` is a depthwise convolution.

    Returns:
        (N, H', W', F).

    Raises:
        ValueError: naming the argument, if ranks, channels, groups or padding don't fit, or the
            kernel is larger than the padded image.
        TypeError: unless x, kernel and bias are floating-point.

    Behaves like `keras.ops.conv`.

    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d(image, np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    return _conv(2, x, kernel, bias, stride, padding, dilation, groups)


@checked()
def conv1d(x, kernel, bias=None, *, stride=1, padding="valid", dilation=1, groups=1):
    """One-dimensional convolution: `conv2d` with x (N, L, C) and kernel (K, C / groups, F).

    >>> conv1d(np.arange(4.0).reshape(1, 4, 1), np.array([[[-1.0]], [[1.0]]]))[0, :, 0]
    array([1., 1., 1.])
    """
    return _conv(1, x, kernel, bias, stride, padding, dilation, groups)


@checked()
def conv3d(x, kernel, bias=None, *, stride=1, padding="valid", dilation=1, groups=1):
    """Three-dimensional convolution: `conv2d` with x (N, D, H, W, C), kernel (KD, KH, KW, …, F).

    >>> conv3d(np.ones((1, 2, 2, 2, 1)), np.ones((2, 2, 2, 1, 1))).ravel()
    array([8.])
    """
    return _conv(3, x, kernel, bias, stride, padding, dilation, groups)


@checked()
def conv2d_transpose(x, kernel, bias=None, *, stride=1, padding="valid"):
    """The transpose of `conv2d` as a linear map: each pixel of x paints the kernel into the output.

    It is X(x, K) of this module's docstring, so it enlarges by `stride` what conv2d reduces.

    Args:
        x: (N, H, W, C).
        kernel: (KH, KW, F, C): the kernel of the convolution from F to C channels.
        bias: (F,), or None.
        stride, padding: those of that convolution. The output has size
            H · stride + max(KH - stride, 0) for "valid", H · stride for "same", and else
            (H - 1) · stride + KH - top - bottom.

    Returns:
        (N, H', W', F).

    Behaves like `keras.ops.conv_transpose`.

    >>> conv2d_transpose(np.ones((1, 2, 1, 1)), np.ones((2, 1, 1, 1)), stride=2)[0, :, 0, 0]
    array([1., 1., 1., 1.])
    """
    name = "conv2d_transpose"
    x, kernel = _arrays(name, 2, x, kernel, "KH, KW, F, C")
    stride = _per_dimension(name, "stride", stride, 2)
    window = kernel.shape[:2]
    if kernel.shape[3] != x.shape[3]:
        raise ValueError(
            f"{name}: kernel takes {kernel.shape[3]} input channels (its last axis) but x has "
            f"{x.shape[3]} (x {x.shape}, kernel {kernel.shape})"
        )
    given = resolve_padding(name, padding, (1,) * 2, window, (1,) * 2, (1,) * 2)
    if padding == "same":
        sizes = [n * s for n, s in zip(x.shape[1:3], stride, strict=True)]
    else:
        extra = [
            max(s - k, 0) if padding == "valid" else 0 for s, k in zip(stride, window, strict=True)
        ]
        sizes = [
            (n - 1) * s + k - low - high + e
            for n, s, k, (low, high), e in zip(
                x.shape[1:3], stride, window, given, extra, strict=True
            )
        ]
    if min(sizes) < 1:
        raise ValueError(
            f"{name}: padding {padding!r} leaves nothing of the output "
            f"(x {x.shape}, kernel {kernel.shape})"
        )
    y = _families[2].input_gradient(
        x,
        kernel,
        x_shape=(x.shape[0], *sizes, kernel.shape[2]),
        stride=stride,
        padding=resolve_padding(name, padding, sizes, window, stride, (1, 1)),
        dilation=(1, 1),
        groups=1,
    )
    return y if bias is None else y + _checked_bias(name, bias, kernel.shape[2], kernel.shape)


def _conv(dims, x, kernel, bias, stride, padding, dilation, groups):
    """Validates once for all; the kernels trust what they get."""
    name = f"conv{dims}d"
    axes = ("K", "KH, KW", "KD, KH, KW")[dims - 1]
    x, kernel = _arrays(name, dims, x, kernel, f"{axes}, C / groups, F")
    shapes = f"x {x.shape}, kernel {kernel.shape}"
    stride = _per_dimension(name, "stride", stride, dims)
    dilation = _per_dimension(name, "dilation", dilation, dims)
    channels, filters = x.shape[-1], kernel.shape[-1]
    if not _whole(groups, 1) or channels % groups or filters % groups:
        raise ValueError(
            f"{name}: groups must divide the {channels} channels of x and the {filters} filters, "
            f"it is {groups!r} ({shapes})"
        )
    if kernel.shape[-2] * groups != channels:
        per_group = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"{name}: kernel takes {kernel.shape[-2]} input channels{per_group} but x has "
            f"{channels} ({shapes})"
        )
    sizes, window = x.shape[1:-1], kernel.shape[:-2]
    pads = resolve_padding(name, padding, sizes, window, stride, dilation)
    check_window_fits(name, "kernel", sizes, window, pads, dilation)
    if bias is not None:
        bias = _checked_bias(name, bias, filters, kernel.shape)
    return _families[dims].convolve(
        x, kernel, bias, stride=stride, padding=pads, dilation=dilation, groups=int(groups)
    )


def _arrays(name, dims, x, kernel, kernel_axes):
    x, kernel = _floating(name, "x", x), _floating(name, "kernel", kernel)
    if x.ndim != dims + 2:
        axes = ("L", "H, W", "D, H, W")[dims - 1]
        raise ValueError(f"{name}: x must be (N, {axes}, C), it has shape {x.shape}")
    if kernel.ndim != dims + 2 or kernel.size == 0:
        raise ValueError(
            f"{name}: kernel must be ({kernel_axes}) and not empty, it has shape {kernel.shape}"
        )
    return x, kernel


def _floating(name, what, value):
    value = value if hasattr(value, "dtype") else np.asarray(value)
    if value.dtype.kind not in "fc":
        raise TypeError(f"{name}: {what} must be floating-point, it is {value.dtype}")
    return value


def _checked_bias(name, bias, filters, kernel_shape):
    bias = _floating(name, "bias", bias)
    if bias.shape != (filters,):
        raise ValueError(
            f"{name}: bias must have shape ({filters},), it has {bias.shape} "
            f"(kernel {kernel_shape})"
        )
    return bias


def _per_dimension(name, what, value, dims):
    if _whole(value, 1):
        return (int(value),) * dims
    values = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else ()
    if len(values) != dims or not all(_whole(v, 1) for v in values):
        raise ValueError(
            f"{name}: {what} must be a positive int or {dims} of them, it is {value!r}"
        )
    return tuple(int(v) for v in values)


def _whole(value, least):
    return isinstance(value, (int, np.integer)) and value >= least


def resolve_padding(name, padding, sizes, window, stride, dilation) -> tuple[tuple[int, int], ...]:
    """Padding as (low, high) for each spatial dimension."""
    dims = len(sizes)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * dims
        if padding == "same":
            totals = [
                max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
                for size, k, s, d in zip(sizes, window, stride, dilation, strict=True)
            ]
            return tuple((total // 2, total - total // 2) for total in totals)
    elif _whole(padding, 0):
        return ((int(padding), int(padding)),) * dims
    else:
        pairs = np.array(padding, dtype=object)  # objects, so that lists may differ in length
        if pairs.shape == (dims, 2) and all(_whole(n, 0) for n in pairs.flat):
            return tuple((int(low), int(high)) for low, high in pairs)
    raise ValueError(
        f'{name}: padding must be "valid", "same", an int of at least 0, or {dims} pairs '
        f"(before, after), it is {padding!r}"
    )


def check_window_fits(name, what, sizes, window, padding, dilation):
    """Raise ValueError if a window is larger than the padded image."""
    padded = [n + low + high for n, (low, high) in zip(sizes, padding, strict=True)]
    extent = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    if any(map(operator.gt, extent, padded)):
        dilated = "" if extent == list(window) else f", dilated to {tuple(extent)},"
        raise ValueError(
            f"{name}: the {what} {tuple(window)}{dilated} doesn't fit into the padded image "
            f"{tuple(padded)}"
        )

"""Discrete Fourier transforms, `np.fft`.

A transform along one axis is y_k = s Σ_j w^(jk) x_j, for n values x (cut short, or continued with
zeros, to be n), a root of unity w and a scale s that `norm` chooses: a product with the symmetric
matrix s w^(jk), which is its own transpose. So the VJP is the same transform of g, with the same
`norm`, cut or continued to the length of x. The transforms of real values leave out half of y, or
are given half of x, and their VJPs put it back.

A transform over several axes is one transform after the other, in the order that NumPy takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.primitive import implements, primitive


def _flops(output, x, *args, **kwargs):
    """5 n log₂ n for each complex transform, the usual count."""
    return int(5 * output.size * np.log2(max(2, *output.shape)))


def _resized(x, n, axis):
    """x cut short, or continued with zeros, to n elements along the axis."""
    axis = normalize_axis_index(axis, np.ndim(x))
    kept = x[(slice(None),) * axis + (slice(n),)]
    missing = n - kept.shape[axis]
    return np.pad(kept, [(0, missing if i == axis else 0) for i in range(np.ndim(x))])


def _fft_vjp(g, y, x, n=None, axis=-1, norm=None):
    """y_k = s Σ_j w^(jk) x_j has a symmetric matrix: the same transform of g."""
    return _resized(np.fft.fft(g, None, axis, norm), x.shape[axis], axis)


def _ifft_vjp(g, y, x, n=None, axis=-1, norm=None):
    """y_k = s Σ_j w^(-jk) x_j has a symmetric matrix: the same transform of g."""
    return _resized(np.fft.ifft(g, None, axis, norm), x.shape[axis], axis)


def _rfft_vjp(g, y, x, n=None, axis=-1, norm=None):
    """The other half of the transform is left out, so its cotangents are 0."""
    n = x.shape[axis] if n is None else n
    full = np.fft.fft(_resized(g, n, axis), None, axis, norm)
    return _resized(np.real(full), x.shape[axis], axis)


def _irfft_vjp(g, y, x, n=None, axis=-1, norm=None):
    """x_k stands for itself and, but at its ends, for its conjugate at n - k too: twice as much.

    y takes the real part of x_0, and of x_(n/2) for even n; the transform of the real g is real
    there, so that their imaginary parts get 0.
    """
    n = y.shape[axis]
    half = _resized(np.fft.ifft(g, None, axis, norm), n // 2 + 1, axis)
    k = np.arange(n // 2 + 1)
    alone = np.moveaxis(np.expand_dims((k == 0) | (2 * k == n), list(range(1, y.ndim))), 0, axis)
    return _resized(np.where(alone, half, 2 * half), x.shape[axis], axis)


for _one, _vjp in (
    *((np.fft.fft, _fft_vjp), (np.fft.ifft, _ifft_vjp)),
    *((np.fft.rfft, _rfft_vjp), (np.fft.irfft, _irfft_vjp)),
):
    primitive(_one, flops=_flops).defvjp(_vjp)

# The scale of the transform back, for hfft and ihfft, which take each other's direction.
_SWAPPED: dict[Any, Any] = {None: "forward", "backward": "forward", "forward": "backward"}


@implements(np.fft.hfft)
def _hfft(a, n=None, axis=-1, norm=None):
    return np.fft.irfft(np.conjugate(a), n, axis, _SWAPPED.get(norm, norm))


@implements(np.fft.ihfft)
def _ihfft(a, n=None, axis=-1, norm=None):
    return np.conjugate(np.fft.rfft(a, n, axis, _SWAPPED.get(norm, norm)))


def _over_axes(function, one_axis, last_axis, default_axes):
    """Register a transform over several axes. The last axis has a transform of its own.

    It comes first, and the others from last to first; only the transform back to real values ends
    with its last axis.
    """

    @implements(function)
    def rule(a, s=None, axes=default_axes, norm=None):
        backwards = last_axis is not np.fft.irfft
        if axes is None:
            axes = range(-(a.ndim if s is None else len(s)), 0)
        if s is None:
            s = [a.shape[axis] for axis in axes]
            if not backwards:
                s[-1] = 2 * (s[-1] - 1)
        s = [a.shape[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)]
        transforms = [*[one_axis] * (len(s) - 1), last_axis][: len(s)]
        steps = [*zip(transforms, s, axes, strict=True)]
        for transform, n, axis in steps[::-1] if backwards else steps:
            a = transform(a, n, axis, norm)
        return a


for _several, _axes in (("2", (-2, -1)), ("n", None)):
    for _name in ("fft", "ifft", "rfft", "irfft"):
        _one = np.fft.ifft if _name.startswith("i") else np.fft.fft
        _over_axes(getattr(np.fft, _name + _several), _one, getattr(np.fft, _name), _axes)


@implements(np.fft.fftshift)
def _fftshift(x, axes=None):
    axes = tuple(range(x.ndim)) if axes is None else axes
    return np.roll(x, np.take(x.shape, axes) // 2, axes)


@implements(np.fft.ifftshift)
def _ifftshift(x, axes=None):
    axes = tuple(range(x.ndim)) if axes is None else axes
    return np.roll(x, -(np.take(x.shape, axes) // 2), axes)

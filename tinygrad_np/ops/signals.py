"""Signals: convolution and correlation, unwrapped phases, and the functions that windows use."""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import primitive

# Convolution


def _full(g, a, v, start):
    """The cotangent of all n + m - 1 sums, of which y holds those from `start` on."""
    rest = np.size(a) + np.size(v) - 1 - np.size(g) - start
    return np.pad(g, (start, rest))


def _convolved_with(g, v, a):
    """The cotangent of a where g is that of the whole of a * v.

    It is Σ_k g_k v_(k-i): g runs past v where the two overlap wholly.
    """
    return np.reshape(np.convolve(g, np.flip(v), "valid"), np.shape(a))


def _dropped(y, a, v):
    """How many of the sums the mode leaves out: half of them before y, and half behind."""
    return np.size(a) + np.size(v) - 1 - np.size(y)


def _convolve_vjp_left(g, y, a, v, mode="full"):
    """y_k = Σ_i a_i v_(k-i), so Σ_k g_k v_(k-i)."""
    return _convolved_with(_full(g, a, v, _dropped(y, a, v) // 2), np.atleast_1d(v), a)


def _convolve_vjp_right(g, y, a, v, mode="full"):
    """a * v = v * a: the same."""
    return _convolve_vjp_left(g, y, v, a)


def _correlate_full(g, y, a, v):
    """np.correlate swaps a shorter `a` with v and turns y around, and so what it leaves out."""
    dropped = _dropped(y, a, v)
    return _full(g, a, v, dropped - dropped // 2 if np.size(a) < np.size(v) else dropped // 2)


def _correlate_vjp_left(g, y, a, v, mode="valid"):
    """y_k = Σ_i a_(i+k) v*_i is the convolution of a with v*, turned around."""
    return _convolved_with(_correlate_full(g, y, a, v), np.flip(np.conjugate(v)), a)


def _correlate_vjp_right(g, y, a, v, mode="valid"):
    """v enters that convolution turned around and conjugated: so does its cotangent."""
    return np.conjugate(np.flip(_convolved_with(_correlate_full(g, y, a, v), a, v)))


def _convolution_flops(output, a, v, mode=None):
    return 2 * np.size(a) * np.size(v)


primitive(np.convolve, flops=_convolution_flops).defvjp(_convolve_vjp_left, _convolve_vjp_right)
primitive(np.correlate, flops=_convolution_flops).defvjp(_correlate_vjp_left, _correlate_vjp_right)

# y differs from p by whole periods, whose number is constant between jumps: the VJP is g.
primitive(np.unwrap).defvjp(lambda g, y, p, discont=None, axis=-1, period=2 * math.pi: g)


# Special functions. Each belongs to a family that holds its derivatives too, so that those of any
# order are as exact as the function, also at 0.


@primitive
def sine_over(z, *, order):
    """s_n(z), the derivative of order n of s_0(z) = sin z / z.

    The VJP is g · s_(n+1). As s_0(z) = Σ_k (-1)^k z^2k / (2k + 1)!, the series of s_n has the terms
    (-1)^k z^(2k-n) / ((2k - n)! (2k + 1)). Away from 0, where its terms cancel, differentiating
    z s_0 = sin z gives s_n = (sin(z + n π/2) - n s_(n-1)) / z.

    >>> sine_over(np.array([0.0, np.pi / 2]), order=0)
    array([1.        , 0.63661977])
    """
    small = np.abs(z) < max(1, order)
    divisor = np.where(small, 1, z)
    far = np.sin(z) / divisor
    for n in range(1, order + 1):
        far = (np.sin(z + n * (np.pi / 2)) - n * far) / divisor
    coefficients = [
        (-1) ** k / (math.factorial(2 * k - order) * (2 * k + 1))
        for k in range((order + 1) // 2, 2 * order + 12)
    ]
    z = np.where(small, z, 0)
    near = np.polyval(coefficients[::-1], z * z) * (z if order % 2 else 1)
    return np.where(small, near, far).astype(z.dtype)


@primitive
def bessel_i(x, *, order):
    """I_n(x), the modified Bessel function of the first kind of integer order n ≥ 0.

    The VJP is g (I_(n-1) + I_(n+1)) / 2, where I_(-1) = I_1. The series
    I_n(x) = Σ_k (x/2)^(2k+n) / (k! (k + n)!) has terms of one sign; for large x it is Hankel's,
    e^x / √(2πx) Σ_k Π_(j≤k) ((2j - 1)² - 4n²) / (8jx), which converges as far as is needed
    (Abramowitz and Stegun, "Handbook of Mathematical Functions", 9.6.10, 9.6.29 and 9.7.1).

    >>> bessel_i(np.array([0.0, 1.0, 30.0]), order=1)
    array([0.00000000e+00, 5.65159104e-01, 7.68532039e+11])
    """
    size = np.abs(np.asarray(x, np.float64))
    bound = max(20, order * order)
    half = np.where(size > bound, 0, size) / 2
    term = total = half**order / math.factorial(order)
    k = 0
    while np.any(term > total * 1e-17):
        k += 1
        term = term * half * half / (k * (k + order))
        total = total + term
    large = np.where(size > bound, size, np.inf)
    term = series = np.ones_like(size)
    k = 0
    while np.any(np.abs(term) > 1e-17):
        k += 1
        term = term * ((2 * k - 1) ** 2 - 4 * order * order) / (8 * k * large)
        series = series + term
    root = np.exp(np.where(size > bound, size, 0) / 2)  # its square might overflow before √x helps
    large = np.where(size > bound, size, 1)
    total = np.where(size > bound, root / np.sqrt(2 * np.pi * large) * series * root, total)
    return np.where(np.less(x, 0), (-1) ** order * total, total).astype(np.asarray(x).dtype)


sine_over.elementwise = bessel_i.elementwise = True
sine_over.defvjp(lambda g, y, z, order: g * sine_over(z, order=order + 1))
bessel_i.defvjp(
    lambda g, y, x, order: (
        g * (bessel_i(x, order=abs(order - 1)) + bessel_i(x, order=order + 1)) / 2
    )
)
# sinc(x) = s_0(πx)
_sinc, _i0 = primitive(np.sinc), primitive(np.i0)
_sinc.defvjp(lambda g, y, x: g * np.pi * sine_over(np.pi * x, order=1))
_i0.defvjp(lambda g, y, x: g * bessel_i(x, order=1))
_sinc.elementwise = _i0.elementwise = True

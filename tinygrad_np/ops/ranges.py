"""Numbers between two others: their derivatives with respect to the two ends.

The numbers are at the shares s = 0, 1/n, 2/n, … of the way from `start` to `stop`.
"""

from __future__ import annotations

import numpy as np

from ..core.primitive import implements, primitive


def _shares(num, endpoint, axis, ndim):
    """How far along the way from `start` to `stop` each number is, along `axis` of `ndim`."""
    shares = np.arange(num) / max(num - 1 if endpoint else num, 1)
    return np.moveaxis(np.reshape(shares, (num,) + (1,) * (ndim - 1)), 0, axis)


def _linspace_vjps(of_start, of_stop):
    def vjp(g, y, start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
        """y = start (1 - s) + stop s: the sums of g (1 - s), and of g s."""
        g, g_step = g if retstep else (g, 0)
        s = _shares(num, endpoint, axis, g.ndim)
        cotangent = np.sum(g * (of_start * (1 - s) + of_stop * s), axis)
        n = num - 1 if endpoint else num
        return cotangent + g_step * ((of_stop - of_start) / n) if retstep and n else cotangent

    return vjp


primitive(np.linspace).defvjp(_linspace_vjps(1, 0), _linspace_vjps(0, 1))


def _geomspace_vjps(of_start, of_stop):
    def vjp(g, y, start, stop, num=50, endpoint=True, dtype=None, axis=0):
        """y = start¹⁻ˢ stopˢ: the sums of g y (1 - s) / start, and of g y s / stop."""
        s = _shares(num, endpoint, axis, g.ndim)
        weights = of_start * (1 - s) + of_stop * s
        return np.sum(g * y * weights, axis) / (start if of_start else stop)

    return vjp


primitive(np.geomspace).defvjp(_geomspace_vjps(1, 0), _geomspace_vjps(0, 1))


@implements(np.logspace)
def _logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """The base, to the powers from `linspace`."""
    if np.ndim(base):
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (
            np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    powers = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else powers.astype(dtype)

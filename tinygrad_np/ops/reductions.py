"""Reductions over axes, and running sums, with NumPy's own arguments.

The cotangent of a reduction has its output's shape. `_expand` gives it back the axes that were
reduced, with length 1, so that it broadcasts against the input.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import implements, primitive


def _expand(g, x, axis, keepdims):
    if keepdims:
        return g
    if axis is None:
        return np.reshape(g, (1,) * np.ndim(x))
    return np.expand_dims(g, axis)


def _count(x, axis):
    """How many elements went into each element of the output."""
    if axis is None:
        return x.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod(x.shape[a] for a in axes)


def _input_size(output, x, *args, **kwargs):
    return np.size(x)


def _sum_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """Every element enters its sum once: g, repeated along the reduced axes."""
    return np.broadcast_to(_expand(g, x, axis, keepdims), x.shape)


def _mean_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """A sum divided by the number n of its terms: g / n."""
    return np.broadcast_to(_expand(g / _count(x, axis), x, axis, keepdims), x.shape)


def _prod_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """g times the product of all other elements, right also where elements are 0.

    The others' product is that of those before (a running product from the left) times that of
    those after (from the right).
    """
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    flat = np.reshape(np.transpose(x, kept + axes), (*(x.shape[a] for a in kept), -1))
    one = np.ones_like(flat[..., :1])
    before = np.cumprod(np.concatenate([one, flat[..., :-1]], -1), -1)
    after = np.flip(np.cumprod(np.concatenate([one, np.flip(flat, -1)[..., :-1]], -1), -1), -1)
    others = np.reshape(before * after, tuple(x.shape[a] for a in kept + axes))
    order = tuple(int(a) for a in np.argsort(kept + axes))
    return _expand(g, x, axis, keepdims) * np.transpose(others, order)


def _extremum_vjp(g, y, x, axis=None, out=None, keepdims=False):
    """g to the extremum; where several elements attain it, each gets an even share, as in JAX."""
    attains = np.equal(x, _expand(y, x, axis, keepdims))
    share = attains / np.sum(attains, axis=axis, keepdims=True)
    return _expand(g, x, axis, keepdims) * share


def _var_vjp(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Σ (x - mean)² / (n - ddof) has the derivative 2 (x - mean) / (n - ddof)."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return _expand(g, x, axis, keepdims) * (2 / (_count(x, axis) - ddof) * centred)


def _std_vjp(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """The square root of the variance: half of the variance's VJP, divided by the root."""
    return _var_vjp(g / (2 * y), y, x, axis, dtype, out, ddof, keepdims)


def _cumsum_vjp(g, y, x, axis=None, dtype=None):
    """Element i enters every sum from i on: the running sum of g from the other end."""
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


def _cumprod_vjp(g, y, x, axis=None, dtype=None):
    """Element i enters y_j for j ≥ i as the product of the others; zeros are handled exactly."""
    if axis is None:
        return np.reshape(_cumprod_vjp(np.ravel(g), None, np.ravel(x), 0), x.shape)
    rows = np.moveaxis(x, axis, -1)
    n = rows.shape[-1]
    # factors[..., i, k] is x_k, but 1 where k = i: its running product is dy_j / dx_i for j >= i
    factors = np.where(np.eye(n, dtype=bool), 1, rows[..., None, :])
    jacobian = np.triu(np.cumprod(factors, -1))
    return np.moveaxis(np.sum(np.moveaxis(g, axis, -1)[..., None, :] * jacobian, -1), -1, axis)


primitive(np.sum, flops=_input_size).defvjp(_sum_vjp)
primitive(np.mean, flops=_input_size).defvjp(_mean_vjp)
primitive(np.prod, flops=_input_size).defvjp(_prod_vjp)
for _extremum in (np.max, np.min):
    primitive(_extremum, flops=_input_size).defvjp(_extremum_vjp)
primitive(np.var, flops=_input_size).defvjp(_var_vjp)
primitive(np.std, flops=_input_size).defvjp(_std_vjp)
primitive(np.cumsum).defvjp(_cumsum_vjp)
primitive(np.cumprod).defvjp(_cumprod_vjp)


@implements(np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """Σ w a / Σ w."""
    if returned:
        raise NotImplementedError("np.average: returned=True is not supported for tensors")
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        weights = np.reshape(weights, [n if i == axis else 1 for i, n in enumerate(np.shape(a))])
        weights = np.broadcast_to(weights, np.shape(a))
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(weights, axis=axis, keepdims=keepdims)


@implements(np.ptp)
def ptp(a, axis=None, *, keepdims=False):
    """max - min."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)

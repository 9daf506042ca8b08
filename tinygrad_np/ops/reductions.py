"""Reductions over axes and running sums, with NumPy's own arguments.

The cotangent of a reduction has its output's shape. `_expand` gives it back the axes that were
reduced, with length 1, so that it broadcasts against the input.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import implements, primitive


def _expand(g, x, axis, keepdims):
    if keepdims:
        return g
    if axis is None:
        return np.reshape(g, (1,) * np.ndim(x))
    return np.expand_dims(g, axis)


def _count(x, axis):
    """How many elements went into each element of the output."""
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    return math.prod(x.shape[a] for a in axes)


def _input_size(output, x, *args, **kwargs):
    return np.size(x)


def _sum_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    """Every element enters its sum once: g, repeated along the reduced axes."""
    g = np.broadcast_to(_expand(g, x, axis, keepdims), x.shape)
    return g if where is True else np.where(where, g, 0)


def _mean_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True):
    """A sum divided by the number n of its terms: g / n."""
    if where is True:
        n = _count(x, axis)
    else:
        n = np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
    return _sum_vjp(g / n, y, x, axis, keepdims=keepdims, where=where)


def _products_before(x):
    """For each element the product of those before it, along the last axis."""
    return np.cumprod(np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], -1), -1)


def _prod_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """g times the product of all other elements, right also where elements are 0.

    The others' product is that of those before times that of those after.
    """
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], _count(x, axes)))
    others = _products_before(rows) * np.flip(_products_before(np.flip(rows, -1)), -1)
    others = np.moveaxis(np.reshape(others, moved.shape), last, axes)
    return _expand(g, x, axis, keepdims) * others


def _extremum_vjp(g, y, x, axis=None, out=None, keepdims=False):
    """g to the extremum; where several elements attain it, each gets an even share, as in JAX."""
    attains = np.equal(x, _expand(y, x, axis, keepdims))
    ties = np.sum(attains, axis=axis, keepdims=True).astype(g.dtype)
    return np.where(attains, _expand(g, x, axis, keepdims) / ties, 0)


def _var_vjp(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Σ |x - mean|² / (n - ddof) has the derivative 2 (x - mean)* / (n - ddof).

    The mean moves with x too, but that adds nothing: Σ (x - mean) is 0.
    """
    centred = np.conjugate(x - np.mean(x, axis=axis, keepdims=True))
    return _expand(g, x, axis, keepdims) * (2 / (_count(x, axis) - ddof) * centred)


def _std_vjp(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """The square root of the variance: the variance's VJP divided by twice the root.

    Where all elements are equal the root has a kink; the gradient there is taken as 0.
    """
    g = g / (2 * np.where(np.equal(y, 0), 1, y))
    return _var_vjp(g, y, x, axis, ddof=ddof, keepdims=keepdims)


def _cumsum_vjp(g, y, x, axis=None, dtype=None, out=None):
    """Element i enters every sum from i on: the running sum of g from the other end."""
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


def _cumprod_vjp(g, y, x, axis=None, dtype=None, out=None):
    """Element i enters y_j, for j ≥ i, as a factor beside the product of the others.

    So its cotangent is the product of the elements before i, times r_i = Σ_{j≥i} g_j Π_{i<k≤j} x_k.
    As r_i = g_i + x_{i+1} r_{i+1}, each step of the loop can double the number of terms that are
    there. Nothing is divided, so zeros do no harm.
    """
    if axis is None:
        return np.reshape(_cumprod_vjp(np.ravel(g), y, np.ravel(x), 0), x.shape)
    x, terms = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    factors, step = _shifted(x, 1), 1
    while step < x.shape[-1]:
        terms = terms + factors * _shifted(terms, step)
        factors = factors * _shifted(factors, step)
        step *= 2
    return np.moveaxis(_products_before(x) * terms, -1, axis)


def _shifted(x, n):
    """y_i = x_{i+n} along the last axis, 0 past its end."""
    return np.concatenate([x[..., n:], np.zeros_like(x[..., :n])], -1)


primitive(np.sum, flops=_input_size).defvjp(_sum_vjp)
primitive(np.mean, flops=_input_size).defvjp(_mean_vjp)
primitive(np.prod, flops=_input_size).defvjp(_prod_vjp)
for _extremum in (np.max, np.min, np.amax, np.amin):
    primitive(_extremum, flops=_input_size).defvjp(_extremum_vjp)
primitive(np.var, flops=_input_size).defvjp(_var_vjp)
primitive(np.std, flops=_input_size).defvjp(_std_vjp)
primitive(np.cumsum).defvjp(_cumsum_vjp)
primitive(np.cumprod).defvjp(_cumprod_vjp)


@implements(np.average)
def _average(a, axis=None, weights=None, *, keepdims=False):
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        if axis is None:
            raise TypeError(
                f"np.average: axis must be given where weights are shaped otherwise than a "
                f"({np.shape(weights)} and {np.shape(a)})"
            )
        axes = normalize_axis_tuple(axis, np.ndim(a))
        weights = np.transpose(weights, np.argsort(axes).tolist())
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(np.shape(a))])
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(weights, axis=axis, keepdims=keepdims)


@implements(np.ptp)
def _ptp(a, axis=None, *, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)

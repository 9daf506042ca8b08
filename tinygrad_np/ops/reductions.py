"""Reductions over axes and running sums, with NumPy's own arguments.

The cotangent of a reduction has its output's shape. `_expand` gives it back the axes that were
reduced, with length 1, so that it broadcasts against the input; a single number does already.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor
from .kinks import at_kinks, over


def _expand(g, x, axis, keepdims):
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def _count(x, axis, where=True):
    """How many elements went into each element of the output; at least 1 where some are left out.

    The shape is that of the expanded output.
    """
    if where is not True:
        return np.maximum(np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=True), 1)
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    return math.prod(x.shape[a] for a in axes)


def _chosen(where, x, otherwise=0):
    return x if where is True else np.where(where, x, otherwise)


def _input_size(output, x, *args, **kwargs):
    return np.size(x)


def _sum_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    """Every element enters its sum once: g, repeated along the reduced axes."""
    return _chosen(where, np.broadcast_to(_expand(g, x, axis, keepdims), x.shape))


def _mean_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True):
    """A sum divided by the number n of its terms: g / n."""
    g = _expand(g, x, axis, keepdims) / _count(x, axis, where)
    return _sum_vjp(g, y, x, axis, keepdims=True, where=where)


def _products_before(x):
    """For each element the product of those before it, along the last axis."""
    return np.cumprod(np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], -1), -1)


def _prod_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    """g times the product of all other elements, right also where elements are 0.

    The others' product is that of those before times that of those after.
    """
    x = _chosen(where, x, 1)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], _count(x, axes)))
    others = _products_before(rows) * np.flip(_products_before(np.flip(rows, -1)), -1)
    others = np.moveaxis(np.reshape(others, moved.shape), last, axes)
    return _chosen(where, _expand(g, x, axis, keepdims) * initial * others)


def _extremum_vjp(g, y, x, axis=None, out=None, keepdims=False, initial=None, where=True):
    """g to the extremum; where several elements attain it, each gets an even share, as in JAX.

    So does `initial`, which may be the extremum alone. NaN attains nothing.
    """
    y = plain(_expand(y, x, axis, keepdims))
    attains = np.equal(x, y) & where
    ties = np.sum(attains, axis=axis, keepdims=True)
    if initial is not None:
        ties = ties + np.equal(y, initial)
    ties = np.maximum(ties, 1).astype(g.dtype)
    return np.where(attains, _expand(g, x, axis, keepdims) / ties, 0)


def _var_vjp(
    g,
    y,
    x,
    mean=None,
    *,
    axis=None,
    dtype=None,
    ddof=0,
    keepdims=False,
    where=True,
    correction=None,
):
    """Σ |x - m|² / (n - ddof) has the derivative 2 (x - m)* / (n - ddof) with respect to x.

    Where m is the mean, it moves with x too, but that adds nothing: Σ (x - m) is 0. A mean that was
    given has minus that derivative.
    """
    n = _count(x, axis, where)
    if mean is None and where is True:
        mean = np.mean(x, axis=axis, keepdims=True)
    elif mean is None:  # without NumPy's warning where nothing is left
        mean = np.sum(x, axis=axis, keepdims=True, where=where) / n
    degrees = n - (ddof if correction is None else correction)
    if where is True:
        factor = 2 / degrees if degrees > 0 else math.nan  # as NumPy, which divides 0 by 0
    else:
        factor = 2 / np.where(degrees > 0, degrees, np.inf)
    return _expand(g, x, axis, keepdims) * (factor * _chosen(where, np.conjugate(x - mean)))


def _std_vjp(g, y, x, mean=None, **options):
    """The square root of the variance: the variance's VJP divided by twice the root.

    Where all elements are equal the root has a kink; the gradient there is taken as 0.
    """
    axis, keepdims = options.get("axis"), options.get("keepdims", False)
    gradient = _var_vjp(over(g / 2, np.where(np.greater(y, 0), y, 0)), y, x, mean, **options)
    if mean is None and np.size(y) == np.size(x):
        return gradient  # that of one element is 0 everywhere, without a kink
    return at_kinks(
        gradient,
        *(g, y, x if mean is None else x - mean),
        bend=lambda c, v: _var_vjp(c / 2, y, v, None if mean is None else 0, **options),
        spread=lambda part: np.broadcast_to(_expand(part, x, axis, keepdims), x.shape),
        group=lambda hit: np.any(hit, axis=axis, keepdims=True),
        warning="np.std and np.nanstd have no second derivative where all elements are equal",
    )


def _cumsum_vjp(g, y, x, axis=None, dtype=None, out=None):
    """Element i enters every sum from i on: the running sum of g from the other end."""
    if axis is None or x.ndim == 0:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


def _cumprod_vjp(g, y, x, axis=None, dtype=None, out=None):
    """Element i enters y_j, for j ≥ i, as a factor beside the product of the others.

    So its cotangent is the product of the elements before i, times r_i = Σ_{j≥i} g_j Π_{i<k≤j} x_k.
    As r_i = g_i + x_{i+1} r_{i+1}, each step of the loop can double the number of terms that are
    there. Nothing is divided, so zeros do no harm.
    """
    if axis is None or x.ndim == 0:
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


def entered(i, use, y, x, axis=None, *_, where=True, **options):
    """As `Primitive.uses`: an element has a part in the output if its sum would."""
    return _sum_vjp(use, y, x, axis, keepdims=np.ndim(use) == np.ndim(x), where=where)


def numbers_entered(i, use, y, x, *args, where=True, **options):
    """`entered`, of those elements alone that are not NaN."""
    return entered(i, use, y, x, *args, where=np.logical_and(where, ~np.isnan(x)), **options)


def _of_numbers(vjp):
    """The VJP of the same reduction of those elements alone that are not NaN."""

    @functools.wraps(vjp)
    def nan_vjp(g, y, x, *args, where=True, **options):
        return vjp(g, y, x, *args, where=np.logical_and(where, ~np.isnan(x)), **options)

    nan_vjp.__doc__ = f"NaNs are left out, and get 0. {vjp.__doc__}"
    return nan_vjp


def _reduction(function, vjp, skips_nan=False):
    operation = primitive(function, flops=_input_size)
    operation.defvjp(vjp)
    operation.uses, operation.chooses = (numbers_entered if skips_nan else entered), skips_nan


_reduction(np.sum, _sum_vjp)
_reduction(np.mean, _mean_vjp)
_reduction(np.prod, _prod_vjp)
_reduction(np.nansum, _of_numbers(_sum_vjp), skips_nan=True)
_reduction(np.nanmean, _of_numbers(_mean_vjp), skips_nan=True)
_reduction(np.nanprod, _of_numbers(_prod_vjp), skips_nan=True)
for _extremum in (np.max, np.min, np.amax, np.amin):
    _reduction(_extremum, _extremum_vjp)
for _extremum in (np.nanmax, np.nanmin):
    _reduction(_extremum, _extremum_vjp, skips_nan=True)
for _running, _running_vjp in ((np.cumsum, _cumsum_vjp), (np.cumprod, _cumprod_vjp)):
    _operation = primitive(_running)
    _operation.defvjp(_running_vjp)
    _operation.uses = lambda i, *args, **options: _cumsum_vjp(*args, **options)


def _spread(function, vjp, skips_nan=False):
    """The rule for a variance or a standard deviation, to which `mean=` may be a tensor."""
    of_elements = numbers_entered if skips_nan else entered

    @primitive(name=function.__name__, flops=_input_size)
    def spread(x, mean=None, **options):
        return function(x, **options) if mean is None else function(x, mean=mean, **options)

    spread.defvjp(vjp, lambda g, y, x, mean, **options: -vjp(g, y, x, mean, **options))
    spread.uses = lambda i, use, y, x, mean, **options: (
        of_elements(i, use, y, x, **options) if i == 0 else 1
    )
    spread.chooses = skips_nan
    spread.__qualname__ = f"_{function.__name__}"  # by which it is pickled

    @implements(function)
    def rule(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, mean=None, **options):
        if out is not None:
            options["out"] = out
        return spread(a, mean, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **options)

    return spread


_var = _spread(np.var, _var_vjp)
_std = _spread(np.std, _std_vjp)
_nanvar = _spread(np.nanvar, _of_numbers(_var_vjp), skips_nan=True)
_nanstd = _spread(np.nanstd, _of_numbers(_std_vjp), skips_nan=True)


@implements(np.nancumsum)
def _nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype, out)


@implements(np.nancumprod)
def _nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype, out)


def _cumulative(function, running, start):
    @implements(function)
    def rule(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        x = np.atleast_1d(x)
        if axis is None and x.ndim > 1:
            raise ValueError(f"np.{function.__name__}: axis must be given for an array of {x.ndim}")
        axis = 0 if axis is None else axis
        y = running(x, axis, dtype, out)
        if not include_initial:
            return y
        shape = list(y.shape)
        shape[axis] = 1
        return np.concatenate([np.full(shape, start, y.dtype), y], axis)


_cumulative(np.cumulative_sum, np.cumsum, 0)
_cumulative(np.cumulative_prod, np.cumprod, 1)


@implements(np.average)
def _average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a, weights = (x if x is None or type(x) is Tensor else np.asarray(x) for x in (a, weights))
    if weights is None:
        average = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(np.shape(average), a.size / np.size(average), average.dtype)
        return (average, total) if returned else average
    if np.shape(weights) != np.shape(a):
        if axis is None:
            raise TypeError(
                f"np.average: axis must be given where weights are shaped otherwise than a "
                f"({np.shape(weights)} and {np.shape(a)})"
            )
        axes = normalize_axis_tuple(axis, np.ndim(a))
        weights = np.transpose(weights, np.argsort(axes).tolist())
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(np.shape(a))])
    least = np.float64 if a.dtype.kind in "biu" else a.dtype
    dtype = np.result_type(a.dtype, weights.dtype, least)
    total = np.sum(weights, axis=axis, keepdims=keepdims, dtype=dtype)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError("np.average: the weights sum to zero")
    product = np.multiply(a, weights, dtype=dtype)
    average = np.sum(product, axis=axis, keepdims=keepdims) / total
    return (average, np.broadcast_to(total, np.shape(average))) if returned else average


@implements(np.ptp)
def _ptp(a, axis=None, out=None, keepdims=False):
    if out is not None:
        raise TypeError("np.ptp: out= would lose the gradient of a Tensor; use the result instead")
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)

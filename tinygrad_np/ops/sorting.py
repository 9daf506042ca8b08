"""Sorting, and what looks at the sorted elements: order statistics and sets.

Sorting permutes its elements. The permutation is constant as long as no two elements change places,
so the VJP carries each cotangent back to where its element came from. Equal elements count as
sorted in the order they came in.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor
from ..transforms.gradients import vjp
from .indexing import moves
from .reductions import _extremum_vjp, numbers_entered


def _sort_vjp(g, y, x, axis=-1, kind=None, order=None, *, stable=None):
    """Each element's cotangent lies at its rank."""
    if axis is None:
        return np.reshape(_sort_vjp(g, y, np.ravel(x), 0), x.shape)
    ranks = np.argsort(np.argsort(x, axis, kind="stable"), axis)
    return np.take_along_axis(g, ranks, axis)


def _partition_vjp(g, y, x, kth, axis=-1, kind="introselect", order=None):
    """That of sorting, once g is put in the order that sorts y."""
    sorts = np.argsort(y, -1 if axis is None else axis)
    return _sort_vjp(np.take_along_axis(g, sorts, -1 if axis is None else axis), y, x, axis)


moves(np.sort).defvjp(_sort_vjp)
moves(np.partition).defvjp(_partition_vjp)


@implements(np.sort_complex)
def _sort_complex(a):
    return np.astype(np.sort(a), np.sort_complex(np.empty(0, a.dtype)).dtype)


# Order statistics

_SHIFTS = {
    "linear": -1.0,
    "weibull": 1.0,
    "hazen": 0.0,
    "interpolated_inverted_cdf": 0.0,
    "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4,
}
"""Method -> c, where the quantile q of n elements moves through them at the rate n + c.

All other methods jump from one element to the next (Hyndman and Fan, "Sample quantiles in
statistical packages", 1996).
"""


def _interpolated(x, q, function, axis, method, skip_nan):
    """Quantiles as sums of sorted elements: y = (1 - t) x₍ᵢ₎ + t x₍ᵢ₊₁₎, of shape (size of q, …).

    Where i and t lie, NumPy itself is asked: the quantile of 0, 1, …, n - 1 is i + t. As the place
    is linear in q, its derivative with respect to q is a constant of the method.
    """
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape = (math.prod(x.shape[i] for i in axes), *(x.shape[i] for i in kept))
    rows = np.sort(np.reshape(np.transpose(x, axes + kept), shape), 0)  # NaN come last
    sizes = np.count_nonzero(~np.isnan(rows), 0) if skip_nan else np.full(shape[1:], shape[0])
    places = np.zeros((np.size(q), *shape[1:]))
    for n in np.unique(sizes[sizes > 0]):
        found = function(np.arange(n, dtype=x.dtype), plain(q), method=method)
        places[:, sizes == n] = np.reshape(found, (-1, 1))
    i = np.floor(places).astype(int)
    t = places - i
    if type(q) is Tensor and method in _SHIFTS:
        per = 1 if function is np.quantile else 100
        step = np.reshape(q - q.detach(), (-1,) + (1,) * (len(shape) - 1)) / per
        t = t + step * (sizes + _SHIFTS[method])
    low = np.take_along_axis(rows, i, 0)
    high = np.take_along_axis(rows, np.ceil(places).astype(int), 0)
    return low + t * (high - low)


def _quantile_vjp(position, function, skip_nan):
    def quantile_vjp(g, y, x, q, *, axis=None, method="linear", keepdims=False, weights=None):
        """That of the sum of sorted elements which the quantile is.

        With weights the quantile is one of the elements, and those equal to it share g evenly.
        """
        if weights is not None:
            if position == 1:
                return 0
            g, y = (np.reshape(a, (np.size(q), *np.shape(a)[np.ndim(q) :])) for a in (g, y))
            return sum(
                _extremum_vjp(g[i], y[i], x, axis, keepdims=keepdims) for i in range(np.size(q))
            )

        def of_sorted(value):
            operands = (value, q) if position == 0 else (x, value)
            sums = _interpolated(*operands, function, axis, method, skip_nan)
            return np.reshape(sums, np.shape(y))

        return vjp(of_sorted, (x, q)[position])[1](g)[0]

    return quantile_vjp


def _quantile(function, of_numbers, skip_nan):
    def uses(i, use, y, x, q, *, axis=None, **options):
        use = np.any(np.reshape(use, (np.size(q), *np.shape(use)[np.ndim(q) :])), 0)
        return numbers_entered(i, use, y, x, axis) if i == 0 else 1

    operation = primitive(function)
    operation.defvjp(*(_quantile_vjp(i, of_numbers, skip_nan) for i in (0, 1)))
    if skip_nan:
        operation.uses, operation.chooses = uses, True

    @implements(function)
    def rule(
        a,
        q,
        axis=None,
        out=None,
        overwrite_input=False,  # a tensor is not overwritten
        method="linear",
        keepdims=False,
        *,
        weights=None,
    ):
        options = {} if out is None else {"out": out}
        if weights is not None:
            options["weights"] = weights
        if skip_nan and np.ndim(q) > 1 and np.size(axis) > 1:
            flat = operation(a, np.ravel(q), axis=axis, method=method, **options)
            return np.take(flat, _places(np.shape(a), np.shape(q), axis, keepdims))
        return operation(a, q, axis=axis, method=method, keepdims=keepdims, **options)


def _places(shape, q_shape, axis, keepdims):
    """Where NumPy's nanquantile takes its results from, of those for the raveled q.

    For several axes and q of two it mixes up the order of the latter. Hence it is asked itself:
    with 2 k and 2 k + 1 in place of slice k, quantile i of m + 1 is 2 k + i / m.
    """
    axes = normalize_axis_tuple(axis, len(shape))
    kept = [1 if i in axes else n for i, n in enumerate(shape)]
    k = np.reshape(np.arange(math.prod(kept)), kept)
    slices = np.concatenate([2 * k, 2 * k + 1], axes[0])
    m = max(math.prod(q_shape) - 1, 1)
    q = np.reshape(np.arange(math.prod(q_shape)) / m, q_shape)
    found = np.nanquantile(slices, q, axis, keepdims=keepdims)
    k, i = np.divmod(np.rint(m * found).astype(int), 2 * m)
    return i * math.prod(kept) + k


for _function, _of_numbers, _skip_nan in (
    (np.quantile, np.quantile, False),
    (np.percentile, np.percentile, False),
    (np.nanquantile, np.quantile, True),
    (np.nanpercentile, np.percentile, True),
):
    _quantile(_function, _of_numbers, _skip_nan)


def _median(function, skip_nan):
    quantile_vjp = _quantile_vjp(0, np.quantile, skip_nan)

    def median_vjp(g, y, x, *, axis=None, keepdims=False):
        """The median is the middle element, or the mean of the two: the quantile 1/2."""
        return quantile_vjp(g, y, x, 0.5, axis=axis, keepdims=keepdims)

    operation = primitive(function)
    operation.defvjp(median_vjp)
    if skip_nan:
        operation.uses, operation.chooses = numbers_entered, True

    @implements(function)
    def rule(a, axis=None, out=None, overwrite_input=False, keepdims=False):
        options = {} if out is None else {"out": out}
        return operation(a, axis=axis, keepdims=keepdims, **options)


_median(np.median, skip_nan=False)
_median(np.nanmedian, skip_nan=True)


# Sets


@implements(np.unique)
def _unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
    sorted=True,
):
    """The distinct elements, each taken from the first place where it stands; counts are plain."""
    _, *places = np.unique(
        plain(ar), True, return_inverse, return_counts, axis=axis, equal_nan=equal_nan
    )
    values = np.take(np.ravel(ar) if axis is None else ar, places[0], axis or 0)
    rest = places if return_index else places[1:]
    if rest:
        return (values, *rest)
    if sorted:
        return values
    return _in_the_order_of(
        np.unique(plain(ar), axis=axis, equal_nan=equal_nan, sorted=False), values
    )


def _in_the_order_of(same, values):
    """Sorted values in the order that NumPy leaves them in where it need not sort."""
    return values if same.ndim > 1 else values[np.argsort(np.argsort(same, kind="stable"))]


@implements(np.unique_values)
def _unique_values(x):
    return _in_the_order_of(np.unique_values(plain(x)), np.unique(x, equal_nan=False))


def _unique_with(function, **returned):
    @implements(function)
    def rule(x):
        kind = type(function(np.zeros(1)))
        return kind(*_unique(x, **returned, equal_nan=False))


_unique_with(np.unique_all, return_index=True, return_inverse=True, return_counts=True)
_unique_with(np.unique_counts, return_counts=True)
_unique_with(np.unique_inverse, return_inverse=True)


@implements(np.union1d)
def _union1d(ar1, ar2):
    return np.unique(np.concatenate((ar1, ar2), axis=None))


@implements(np.setdiff1d)
def _setdiff1d(ar1, ar2, assume_unique=False):
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return values[~np.isin(plain(values), plain(ar2))]


@implements(np.setxor1d)
def _setxor1d(ar1, ar2, assume_unique=False):
    one, other = np.setdiff1d(ar1, ar2, assume_unique), np.setdiff1d(ar2, ar1, assume_unique)
    return np.sort(np.concatenate((one, other)))

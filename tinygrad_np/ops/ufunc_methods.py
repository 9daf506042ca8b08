"""What every universal function has besides its value: keywords, and methods such as `.reduce`.

The rules here take the universal function itself as their first argument, as `np.ufunc.reduce` and
its like do. They are made of the function's own rule in elementwise.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor, no_rule, rules
from ..transforms.gradients import vjp
from .elementwise import DISCRETE
from .indexing import at_set
from .reductions import _expand, _extremum_vjp, _input_size, entered


@implements(np.ufunc.__call__)
def _call(ufunc, *args, **keywords):
    """A universal function called with keywords.

    `where=`: the function sees only the elements chosen, so that those left out can do no harm,
    not even in a derivative that is infinite there. NumPy leaves their results undefined; here they
    are 0, with a gradient of 0; or those of `out=`, as of np.where(where, f, out). The array `out`
    itself then holds NaN where it was chosen, since its numbers would have no gradient. `dtype=`
    converts the operands first. `order=` and `subok=` say nothing about values.
    """
    _look_up(ufunc)
    if ufunc.signature is not None:  # a product of vectors or matrices
        return rules[ufunc](*args, **keywords)
    where = keywords.pop("where", True)
    dtype, casting = keywords.pop("dtype", None), keywords.pop("casting", "same_kind")
    for name in keywords.keys() - {"order", "subok", "out"}:
        raise NotImplementedError(f"np.{ufunc.__name__}: {name}= has no derivative rule")
    if dtype is not None:
        args = _converted(ufunc, args, np.dtype(dtype), casting)
    outs = keywords.get("out") or (None,) * ufunc.nout
    if where is True and outs[0] is None:
        return ufunc(*args)
    shape = np.broadcast_shapes(*(np.shape(arg) for arg in args), np.shape(where))
    where = np.broadcast_to(np.asarray(plain(where), bool), shape)
    chosen = [np.broadcast_to(arg, shape)[where] if np.ndim(arg) else arg for arg in args]
    results = ufunc(*chosen)
    if ufunc.nout == 1:
        return _scattered(ufunc, shape, where, results, outs[0])
    parts = zip(results, outs, strict=True)
    return tuple(_scattered(ufunc, shape, where, part, out) for part, out in parts)


def _look_up(ufunc, method=""):
    """Raise if the function has no rule; tell whether its values are more than constants."""
    if ufunc not in rules:
        raise NotImplementedError(no_rule(ufunc, method))
    return ufunc.__name__ not in DISCRETE


def _scattered(ufunc, shape, where, part, out):
    """The results at the places chosen, and elsewhere 0 or what `out` holds."""
    if out is None:
        return at_set(np.zeros(shape, part.dtype), where, part)
    if (
        type(out) is Tensor
        or out.shape != shape
        or not np.can_cast(part.dtype, out.dtype, "same_kind")
    ):
        raise TypeError(
            f"np.{ufunc.__name__}: out= with where= must be an array of shape {shape} that takes "
            f"{part.dtype}, {type(out).__name__} of shape {out.shape} and dtype {out.dtype} came"
        )
    result = at_set(out.copy(), where, part)
    out[where] = np.nan
    return result


def _converted(ufunc: Any, args: Any, dtype: Any, casting: Any) -> Any:
    """The operands in the dtypes of that loop of the function whose results have this one."""
    kinds = [
        type(x) if type(x) in (int, float, complex) else np.result_type(plain(x)) for x in args
    ]
    outputs = (None,) * ufunc.nout
    signature = (None,) * ufunc.nin + (dtype,) * ufunc.nout
    loop = ufunc.resolve_dtypes((*kinds, *outputs), signature=signature, casting=casting)
    arrays: Any = (x if type(x) is Tensor else np.asarray(x) for x in args)
    return [x.astype(kind) for x, kind in zip(arrays, loop, strict=False)]


@implements(np.ufunc.outer)
def _outer(ufunc, a, b, **keywords):
    """The function of every pair. Numbers are arrays here, with NumPy's dtype for them."""
    a, b = (x if type(x) is Tensor else np.asarray(x) for x in (a, b))
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **keywords)


# Reductions y = f(… f(f(x₀, x₁), x₂) …, xₙ)


def _folded(ufunc, x, axis, dtype, initial=None, where=True):
    """The successive values along the axes, in a dtype, the slow way: one record for each."""
    x = np.atleast_1d(x)  # a number has an axis 0 for reductions
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    where = np.broadcast_to(where, x.shape)
    x, where = (np.moveaxis(a, axes, range(len(axes))) for a in (x, where))
    shape = (math.prod(x.shape[: len(axes)]), *x.shape[len(axes) :])
    x, where = np.reshape(x, shape), np.reshape(where, shape)
    rows = list(zip(x, where, strict=True))
    if initial is None and (not rows or not where.all()):
        initial = ufunc.identity
    if initial is None:
        values = [rows.pop(0)[0].astype(dtype)]
    else:
        values = [np.broadcast_to(np.asarray(initial, dtype), x.shape[1:])]
    for row, chosen in rows:
        if chosen.all():
            values.append(ufunc(values[-1], row))
        else:
            following = ufunc(values[-1], row, where=chosen, out=None)
            values.append(np.where(chosen, following, values[-1]))
    return values


# NumPy's AVX-512 loops of these (https://github.com/numpy/numpy/pull/22240) take several steps at
# once, as if none needed the one before it: `np.power.reduce` and `.reduceat` drop elements. The
# shape, the dtype and the errors are right.
_MISREDUCED = (np.power, np.arctan2, np.ldexp)


@primitive(flops=_input_size)
def reduce(x, *, ufunc, axis, keepdims, **options):
    """y = f(… f(f(x₀, x₁), x₂) …, xₙ) along axes, for a universal function f.

    The VJP is that of those n calls.
    """
    if ufunc not in _MISREDUCED:
        return ufunc.reduce(x, axis=axis, keepdims=keepdims, **options)
    with np.errstate(all="ignore"):
        y = ufunc.reduce(x, axis=axis, keepdims=keepdims, **options)
    return np.reshape(_folded(ufunc, x, axis, y.dtype, **options)[-1], y.shape)


def _reduce_vjp(g, y, x, *, ufunc, axis, keepdims, **options):
    def last(x):
        return np.reshape(_folded(ufunc, x, axis, y.dtype, **options)[-1], np.shape(g))

    return vjp(last, x)[1](g)[0]


@primitive(flops=_input_size)
def reduce_extremum(x, *, ufunc, axis, keepdims, **options):
    """The greatest or the least element that is not NaN; those that attain it share g evenly."""
    return ufunc.reduce(x, axis=axis, keepdims=keepdims, **options)


@primitive(flops=_input_size)
def reduce_logaddexp(x, *, ufunc, axis, keepdims, **options):
    """y = log Σ eˣ, or log₂ Σ 2ˣ. The VJP is g · eˣ⁻ʸ, the part of each in the sum.

    Where y is infinite, those elements that attain it share g evenly.
    """
    return ufunc.reduce(x, axis=axis, keepdims=keepdims, **options)


def _reduce_logaddexp_vjp(g, y, x, *, ufunc, axis, keepdims, initial=None, where=True):
    power = np.exp if ufunc is np.logaddexp else np.exp2
    g, y = _expand(g, x, axis, keepdims), _expand(y, x, axis, keepdims)
    hidden = np.isinf(y) | ~np.broadcast_to(where, x.shape)
    part = np.where(hidden, 0, power(np.where(hidden, 0, x) - np.where(hidden, 0, y)))
    at_infinity = _extremum_vjp(g, y, x, axis, keepdims=True, initial=initial, where=where)
    return g * part + np.where(np.isinf(y), at_infinity, 0)


reduce.defvjp(_reduce_vjp)
reduce_extremum.defvjp(lambda g, y, x, *, ufunc, **options: _extremum_vjp(g, y, x, **options))
reduce_logaddexp.defvjp(_reduce_logaddexp_vjp)
reduce.uses = reduce_extremum.uses = reduce_logaddexp.uses = entered

_NAMED: Any = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
_FAST = {
    **dict.fromkeys((np.fmax, np.fmin), reduce_extremum),
    **dict.fromkeys((np.logaddexp, np.logaddexp2), reduce_logaddexp),
}


@implements(np.ufunc.reduce)
def _reduce(ufunc, array, axis=0, dtype=None, out=None, keepdims=False, **options):
    options = {name: plain(value) if name == "where" else value for name, value in options.items()}
    if not _look_up(ufunc, ".reduce"):
        return ufunc.reduce(plain(array), axis, dtype, None, keepdims, **options)
    if ufunc in (np.add, np.multiply):
        return _NAMED[ufunc](array, axis=axis, dtype=dtype, keepdims=keepdims, **options)
    if dtype is not None:
        array = np.astype(array, dtype)
    if ufunc in _NAMED:
        return _NAMED[ufunc](array, axis=axis, keepdims=keepdims, **options)
    return _FAST.get(ufunc, reduce)(array, ufunc=ufunc, axis=axis, keepdims=keepdims, **options)


@primitive
def accumulate(x, *, ufunc, axis):
    """y₀ = x₀, yₖ = f(yₖ₋₁, xₖ) along an axis. The VJP is that of those calls."""
    return ufunc.accumulate(x, axis)


def _accumulate_vjp(g, y, x, *, ufunc, axis):
    if x.size == 0:
        return g

    def values(x):
        return np.stack(_folded(ufunc, x, axis, y.dtype), axis)

    return vjp(values, x)[1](g)[0]


accumulate.defvjp(_accumulate_vjp)


@implements(np.ufunc.accumulate)
def _accumulate(ufunc, array, axis=0, dtype=None, out=None):
    if not _look_up(ufunc, ".accumulate"):
        return ufunc.accumulate(plain(array), axis, dtype)
    if ufunc in (np.add, np.multiply):
        return (np.cumsum if ufunc is np.add else np.cumprod)(array, axis, dtype)
    if dtype is not None:
        array = np.astype(array, dtype)
    return accumulate(array, ufunc=ufunc, axis=axis)


@primitive(flops=_input_size)
def reduceat(x, *, ufunc, indices, axis, dtype):
    """The reductions of x[i:j] along an axis, for i and j that follow each other in `indices`.

    Where i ≥ j that is x[i] alone, and the last goes to the end. The VJP is that of those
    reductions.
    """
    if ufunc not in _MISREDUCED:
        return ufunc.reduceat(x, indices, axis, dtype)
    with np.errstate(all="ignore"):
        y = ufunc.reduceat(x, indices, axis, dtype)
    return _parts(x, ufunc, indices, axis, y.dtype) if y.size else y


def _parts(x, ufunc, indices, axis, dtype):
    x = np.moveaxis(x, axis, 0)
    ends = [*indices[1:], len(x)]
    rows = [
        _reduce(ufunc, x[i : max(j, i + 1)], dtype=dtype)
        for i, j in zip(indices, ends, strict=True)
    ]
    return np.moveaxis(np.stack(rows), 0, axis)


def _reduceat_vjp(g, y, x, **options):
    return vjp(lambda x: _parts(x, **options), x)[1](g)[0] if y.size else np.zeros_like(x)


reduceat.defvjp(_reduceat_vjp)


@implements(np.ufunc.reduceat)
def _reduceat(ufunc, array, indices, axis=0, dtype=None, out=None):
    indices = np.asarray(plain(indices)).tolist()
    if not _look_up(ufunc, ".reduceat"):
        return ufunc.reduceat(plain(array), indices, axis, dtype)
    return reduceat(array, ufunc=ufunc, indices=indices, axis=axis, dtype=dtype)


@implements(np.ufunc.at)
def _at(ufunc, a, indices, b=None):
    raise TypeError(
        f"np.{ufunc.__name__}.at: it works in place, and tensors are immutable; "
        f"write t.at[index].add(values) or .set(values)"
    )

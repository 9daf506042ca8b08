"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import discrete, implements, plain, primitive
from ..transforms.gradients import vjp
from .kinks import at_kinks, jumps, over
from .reductions import _expand, _extremum_vjp


def _norm_vjp(g, y, x, ord=None, axis=None, keepdims=False):
    """With y = (Σ |x|ᵖ)^(1/p) and u = x / y: g · u* |u|ᵖ⁻², which is g · x* / y for p = 2.

    The norm has a kink at x = 0, and for p < 2 wherever an element is 0; the gradient there is
    taken as 0. Counting the elements that are not 0 (ord=0) has the derivative 0.
    """
    if ord == 0 or not x.size:
        return 0
    expand = functools.partial(_expand, x=x, axis=axis, keepdims=keepdims)
    round_, corner = ord in (None, 2, "fro", "f"), ord in (1, np.inf, -np.inf)
    gradient = _gradient(g, y, x, ord, axis, keepdims)
    if not (round_ or corner) and ord < 2:
        gradient = jumps(
            *(gradient, y, x),
            where=lambda: np.equal(plain(x), 0) & np.not_equal(plain(expand(g * y)), 0),
            warning=f"np.linalg.norm of order {ord} has no second derivative where an element is 0",
        )
    return at_kinks(
        *(gradient, g, y, x),
        bend=(lambda c, v: expand(c) * np.conjugate(v)) if round_ else None,
        corner=corner,
        spread=lambda part: np.broadcast_to(expand(part), x.shape),
        group=lambda hit: np.any(hit, axis=axis, keepdims=True),
        warning="np.linalg.norm has no second derivative at 0",
    )


def _gradient(g, y, x, ord, axis, keepdims):
    if ord in (np.inf, -np.inf):
        size = np.abs(x)
        return over(np.conjugate(x), size) * _extremum_vjp(g, y, size, axis, keepdims=keepdims)
    g, y = _expand(g, x, axis, keepdims), _expand(y, x, axis, keepdims)
    u = over(x, y)
    if ord in (None, 2, "fro", "f"):
        return g * np.conjugate(u)
    # |u|² is smooth, |u| is not: so an even p has derivatives of every order.
    square, power = np.real(u * np.conjugate(u)), ord / 2 - 1
    if power < 0 or power % 1:
        none = np.equal(square, 0)
        return g * np.conjugate(u) * np.where(none, 0, np.where(none, 1, square) ** power)
    return g * np.conjugate(u) * square ** int(power)


norm = primitive(np.linalg.norm)
norm.defvjp(_norm_vjp)


@implements(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    """Norms of vectors, and Frobenius's, are a primitive. Those of matrices are made of parts."""
    axes = range(np.ndim(x)) if axis is None else axis
    if np.size(axes) != 2 or ord in (None, "fro", "f") or not np.size(x):
        return norm(x, ord=ord, axis=axis, keepdims=keepdims)
    row, column = axes = normalize_axis_tuple(axes, np.ndim(x))
    if ord in ("nuc", 2, -2):
        s = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        result = (np.sum if ord == "nuc" else np.max if ord == 2 else np.min)(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, kept = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.sum(np.abs(x), axis=summed)
        result = (np.max if ord > 0 else np.min)(sums, axis=kept - (kept > summed))
    else:
        raise ValueError(f"np.linalg.norm: a matrix has no norm of order {ord!r}")
    return np.expand_dims(result, axes) if keepdims else result


@implements(np.linalg.vector_norm)
def _vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    axes = normalize_axis_tuple(range(np.ndim(x)) if axis is None else axis, np.ndim(x))
    if axis is None:
        x, along = np.ravel(x), 0
    elif isinstance(axis, tuple):
        kept = tuple(i for i in range(np.ndim(x)) if i not in axes)
        shape = tuple(np.shape(x)[i] for i in kept)
        n = math.prod(np.shape(x)[i] for i in axes)
        x, along = np.reshape(np.transpose(x, axes + kept), (n, *shape)), 0
    else:
        along = axis
    result = norm(x, ord=ord, axis=along)
    return np.expand_dims(result, axes) if keepdims else result


@implements(np.linalg.matrix_norm)
def _matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return np.linalg.norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


def _cond_vjp(g, y, x, p=None):
    """That of the quotient, or the product, that it is; singular matrices have none."""
    return vjp(functools.partial(_cond, p=p), x)[1](np.real(g))[0]  # complex before NumPy 2.2


def _cond(x, p):
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    axes = (-2, -1)
    return np.linalg.norm(x, p, axis=axes) * np.linalg.norm(np.linalg.inv(x), p, axis=axes)


primitive(np.linalg.cond).defvjp(_cond_vjp)
discrete(np.linalg.matrix_rank)

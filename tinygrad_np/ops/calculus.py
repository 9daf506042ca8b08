"""Differences, numerical derivatives and integrals, running totals, and interpolation."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.primitive import implements, primitive
from ..core.tensor import Tensor
from ..transforms.gradients import vjp


def _vjp_of(formula):
    """The VJPs of an operation that this formula of differentiable functions says too."""

    def rule(i, g, y, *args, **params):
        def of_one(arg):
            return formula(*args[:i], arg, *args[i + 1 :], **params)

        return vjp(of_one, args[i])[1](g)[0]

    return rule


def _array(x):
    return x if isinstance(x, Tensor) else np.asarray(x)


# Differences


def _pairs(a, axis):
    """All elements but the first along the axis, and all but the last."""
    before = (slice(None),) * normalize_axis_index(axis, np.ndim(a))
    return a[(*before, slice(1, None))], a[(*before, slice(-1))]


@implements(np.diff)
def _diff(a, n=1, axis=-1, prepend=np._NoValue, append=np._NoValue):
    """a_(i+1) - a_i, n times over, where a number to prepend or append stands for a whole edge."""
    if n < 0:
        raise ValueError(f"np.diff: n must not be negative, it is {n}")
    if n == 0:
        return a
    a = _array(a)
    edge = [1 if i == axis % np.ndim(a) else size for i, size in enumerate(np.shape(a))]
    parts = [
        np.broadcast_to(part, edge) if np.ndim(part) == 0 else part
        for part in (prepend, a, append)
        if part is not np._NoValue
    ]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    for _ in range(n):
        after, before = _pairs(a, axis)
        a = after - before
    return a


@implements(np.ediff1d)
def _ediff1d(ary, to_end=None, to_begin=None):
    """The differences of neighbours between the ends, all in the dtype of `ary`."""
    ary = np.ravel(ary)
    parts = [np.ravel(part) for part in (to_begin, np.diff(ary), to_end) if part is not None]
    for part in parts:
        if not np.can_cast(part.dtype, ary.dtype, "same_kind"):
            raise TypeError(f"np.ediff1d: ends of {part.dtype} don't fit an array of {ary.dtype}")
    parts = [np.astype(part, ary.dtype) for part in parts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


# Derivatives on a grid


def _by_slopes(f, x, *, axis, edge_order):
    """The derivative that np.gradient estimates, from the slopes s between neighbours.

    Between two slopes over the spacings h₁ and h₂ it is that of the parabola through the three
    points, (h₁ s₂ + h₂ s₁) / (h₁ + h₂); at an edge the nearest slope or, to second order, the
    parabola's again, s₁ - h₁ (s₂ - s₁) / (h₁ + h₂).
    """
    f, x = np.moveaxis(np.add(f, 0.0), axis, -1), np.add(x, 0.0)  # unsigned integers would wrap
    h = np.diff(x) if np.ndim(x) else np.broadcast_to(x, f.shape[-1] - 1)
    s = np.diff(f) / h
    first, last = s[..., :1], s[..., -1:]
    if edge_order == 2:
        first = first - h[:1] * (s[..., 1:2] - first) / (h[:1] + h[1:2])
        last = last - h[-1:] * (s[..., -2:-1] - last) / (h[-1:] + h[-2:-1])
    inner = (h[:-1] * s[..., 1:] + h[1:] * s[..., :-1]) / (h[:-1] + h[1:])
    return np.moveaxis(np.concatenate([first, inner, last], -1), -1, axis)


@primitive
def gradient(f, x, *, axis, edge_order):
    """np.gradient along one axis, where x is the spacing or the coordinates.

    NumPy takes a shorter formula for coordinates that are evenly spaced, which the derivative with
    respect to one of them does not follow from. So the VJPs are those of the formula for all.
    """
    return np.gradient(f, x, axis=axis, edge_order=edge_order)


gradient.defvjp_each(_vjp_of(_by_slopes))


@implements(np.gradient)
def _gradient(f, *varargs, axis=None, edge_order=1):
    """`gradient` along each axis with its own spacing."""
    axes = range(np.ndim(f)) if axis is None else normalize_axis_tuple(axis, np.ndim(f))
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        varargs *= len(axes)
    varargs = varargs or (1.0,) * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(
            f"np.gradient: {len(varargs)} spacings came for {len(axes)} axes; give none, one "
            f"number for all axes, or a number or an array for each"
        )
    along = [
        gradient(f, x, axis=axis, edge_order=edge_order)
        for x, axis in zip(varargs, axes, strict=True)
    ]
    return along[0] if len(along) == 1 else tuple(along)


# Integrals and running totals


@implements(np.trapezoid)
def _trapezoid(y, x=None, dx=1.0, axis=-1):
    """Σ (x_(i+1) - x_i) (y_i + y_(i+1)) / 2."""
    y = _array(y)
    if x is not None:
        dx = np.diff(x, axis=-1 if np.ndim(x) == 1 else axis)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, [-1 if i == axis % np.ndim(y) else 1 for i in range(np.ndim(y))])
    right, left = _pairs(y, axis)
    return np.sum(dx * (right + left) / 2.0, axis)


# Interpolation


def _by_segments(x, xp, fp, left=None, right=None):
    """fp_i + s (x - xp_i) with the slope s of the segment from i to i + 1 that x lies in."""
    xp, fp = np.ravel(xp), np.ravel(fp)
    last = np.size(xp) - 1
    i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, max(last - 1, 0))
    j = np.minimum(i + 1, last)
    width = xp[j] - xp[i]
    empty = np.equal(width, 0)
    slope = (fp[j] - fp[i]) / np.where(empty, 1, width)
    before, behind = np.less(x, xp[0]), np.greater(x, xp[-1])
    within = np.where(before | behind, 0, x - xp[i])  # so that an infinite x harms no gradient
    y = np.where(empty, fp[j], fp[i] + slope * within)
    y = np.where(before, fp[0] if left is None else left, y)
    return np.where(behind, fp[-1] if right is None else right, y)


@primitive
def interp(x, xp, fp, left=None, right=None):
    """np.interp without a period; NumPy may round otherwise than the formula for the VJPs.

    At the points xp the slope jumps; x gets that of the segment to its right, at the last point
    that of the one to its left.
    """
    return np.interp(x, xp, fp, left, right)


interp.defvjp_each(_vjp_of(_by_segments))


@implements(np.interp)
def _interp(x, xp, fp, left=None, right=None, period=None):
    """`interp`, after the points within one period were sorted and continued on either side."""
    if period is None:
        return interp(x, xp, fp, left, right)
    if period == 0:
        raise ValueError("np.interp: period must not be 0")
    period = abs(period)
    x, xp, fp = (np.astype(a, np.result_type(a.dtype, float)) for a in map(_array, (x, xp, fp)))
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return interp(x, xp, np.concatenate([fp[-1:], fp, fp[:1]]))

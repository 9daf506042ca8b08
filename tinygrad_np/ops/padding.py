"""`np.pad` in all its modes.

Padding goes axis by axis: what was added along one axis is padded itself along the next. Three
kinds of modes:

- a constant around x: the VJP cuts the middle out of g;
- elements of x once more (edge, reflect, symmetric, wrap): `np.take`, whose VJP adds them up;
- values computed from x (linear_ramp, mean, maximum, minimum, median, odd reflections).
"""

from __future__ import annotations

import numpy as np

from ..core.primitive import implements, no_flops, plain, primitive
from ..transforms.gradients import vjp
from .indexing import moves, rearranged


@moves
def pad(x, widths, *, value=0):
    """x between `widths[i]` = (before, after) elements of a constant on each axis.

    The VJP cuts the middle out of g.
    """
    return np.pad(x, widths, constant_values=value)


pad.defvjp(
    lambda g, y, x, widths, value=0: g[
        tuple(slice(low, low + n) for (low, _), n in zip(widths, x.shape, strict=True))
    ]
)


@primitive(flops=no_flops)
def pad_by(x, end_values, *, widths, mode, options):
    """x with values computed from it on either side of each axis, in NumPy's modes.

    The VJP is that of `_extended`, which computes the same with differentiable functions, but
    can't be relied on for the last bit.
    """
    if mode == "linear_ramp":
        options = {"end_values": end_values}
    return np.pad(x, widths, mode, **options)


pad_by.defvjp(
    lambda g, y, x, ends, **how: vjp(lambda x: _extended(x, ends, **how), x)[1](g)[0],
    lambda g, y, x, ends, **how: vjp(lambda ends: _extended(x, ends, **how), ends)[1](g)[0],
)


def _extended(x, end_values, widths, mode, options):
    end_values = np.broadcast_to(end_values, (x.ndim, 2))
    lengths = np.broadcast_to(options.get("stat_length"), (x.ndim, 2)).tolist()
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        first, last = _cut(x, axis, 0, 1), _cut(x, axis, n - 1, n)
        if mode == "linear_ramp":
            low = _ramp(end_values[axis, 0], first, axis, before)
            high = np.flip(_ramp(end_values[axis, 1], last, axis, after), axis)
            parts = [low, x, high]
        elif mode in _STATISTICS:
            low, high = (n if length is None else min(length, n) for length in lengths[axis])
            statistic = _STATISTICS[mode]
            parts = [
                np.repeat(statistic(_cut(x, axis, 0, low), axis), before, axis),
                x,
                np.repeat(statistic(_cut(x, axis, n - high, n), axis), after, axis),
            ]
        else:
            parts = [_odd_reflection(x, axis, before, after, mode == "symmetric")]
        x = np.concatenate(parts, axis)
    return x


def _cut(x, axis, start, stop):
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _ramp(end, edge, axis, width):
    """end + (edge - end) k / width, for k = 0, …, width - 1."""
    share = np.arange(width) / max(width, 1)
    share = np.reshape(share, (-1,) + (1,) * (edge.ndim - 1 - axis))
    return end + (edge - end) * share


def _median(x, axis):
    """The mean of the two elements in the middle, which are the same where n is odd."""
    n = x.shape[axis]
    return np.mean(_cut(np.sort(x, axis), axis, (n - 1) // 2, n // 2 + 1), axis, keepdims=True)


_STATISTICS = {
    "mean": lambda x, axis: np.mean(x, axis, keepdims=True),
    "maximum": lambda x, axis: np.max(x, axis, keepdims=True),
    "minimum": lambda x, axis: np.min(x, axis, keepdims=True),
    "median": _median,
}


def _odd_reflection(x, axis, before, after, symmetric):
    """x continued by turning it by 180° about its ends, over and over.

    With a the first and b the last element, and p the period of the even reflection, the element
    x_r is found again at r + q p with 2 q (b - a) added; turned about the last end it is 2 b - x_r.
    """
    n = x.shape[axis]
    if n == 1:  # NumPy repeats a single element
        return np.repeat(x, before + 1 + after, axis)
    period = 2 * n if symmetric else 2 * (n - 1)
    turns, places = np.divmod(np.arange(-before, n + after), period)
    turned = places >= n
    places = np.where(turned, period - symmetric - places, places)
    turned, turns = (np.reshape(a, (-1,) + (1,) * (x.ndim - 1 - axis)) for a in (turned, turns))
    first, last = _cut(x, axis, 0, 1), _cut(x, axis, n - 1, n)
    elements = np.take(x, places, axis)
    return np.where(turned, -elements, elements) + 2 * ((turns + turned) * last - turns * first)


@implements(np.pad)
def _pad(array, pad_width, mode="constant", **options):
    """In every mode that has a name; what "empty" leaves open is 0."""
    if callable(mode):
        raise NotImplementedError("np.pad: a function as the mode has no derivative rule")
    # raises for a mode, or for options, that NumPy doesn't have
    np.pad(np.empty((0,) * array.ndim), 0, mode, **{k: plain(v) for k, v in options.items()})
    if array.ndim == 0:
        return array
    widths = _widths(pad_width, array.ndim)
    ends = options.pop("constant_values", options.pop("end_values", 0))
    if mode == "empty" or (mode == "constant" and isinstance(ends, (int, float, complex))):
        return pad(array, widths, value=ends)
    if mode == "constant":
        return rearranged(
            lambda places, ends: np.pad(places, widths, constant_values=ends),
            *(array, np.broadcast_to(ends, (array.ndim, 2))),
            dtype=array.dtype,
        )
    if mode in ("linear_ramp", *_STATISTICS) or options.get("reflect_type") == "odd":
        return pad_by(array, ends, widths=widths, mode=mode, options=options)
    return rearranged(lambda places: np.pad(places, widths, mode), array)


def _widths(pad_width, ndim):
    """(before, after) for each axis, from any of the forms that NumPy takes."""
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            widths[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        return tuple(widths)
    return tuple(map(tuple, np.broadcast_to(plain(pad_width), (ndim, 2)).tolist()))

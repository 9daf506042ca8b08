"""NumPy's functions that call a function of yours: on slices, axes or parts of an array."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.primitive import implements, plain
from .indexing import at_set


@implements(np.apply_along_axis)
def _apply_along_axis(func1d, axis, arr, *args, **kwargs):
    axis = normalize_axis_index(axis, arr.ndim)
    slices = np.moveaxis(arr, axis, -1)
    if 0 in slices.shape[:-1]:
        raise ValueError(f"np.apply_along_axis: arr of shape {arr.shape} has no slices along {axis}")
    results = [func1d(slices[i], *args, **kwargs) for i in np.ndindex(slices.shape[:-1])]
    stacked = np.reshape(np.stack(results), slices.shape[:-1] + np.shape(results[0]))
    made = np.ndim(results[0])  # axes, which stand where the axis stood
    return np.moveaxis(stacked, range(-made, 0), range(axis, axis + made))


@implements(np.apply_over_axes)
def _apply_over_axes(func, a, axes):
    for axis in np.ravel(axes).tolist():
        axis = axis if axis >= 0 else axis + np.ndim(a)
        result = func(a, axis)
        a = result if np.ndim(result) == np.ndim(a) else np.expand_dims(result, axis)
    return a


@implements(np.piecewise)
def _piecewise(x, condlist, funclist, *args, **kw):
    conditions = plain(condlist)
    if np.isscalar(conditions) or (np.ndim(conditions[0]) == 0 and x.ndim):
        conditions = [conditions]
    conditions = [*np.asarray(conditions, bool)]
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise: {len(conditions)} conditions need as many functions, or one more; "
            f"{len(funclist)} came"
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        chosen = x[condition]
        if callable(function) and chosen.size:
            y = at_set(y, condition, function(chosen, *args, **kw))
        elif not callable(function):
            y = at_set(y, condition, function)
    return y

"""NumPy's functions that call a function of yours: on slices along an axis, or on several axes."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.primitive import implements


@implements(np.apply_along_axis)
def _apply_along_axis(func1d, axis, arr, *args, **kwargs):
    axis = normalize_axis_index(axis, arr.ndim)
    slices = np.moveaxis(arr, axis, -1)
    if 0 in slices.shape[:-1]:
        raise ValueError(f"np.apply_along_axis: arr {arr.shape} has no slices along {axis}")
    results = [func1d(slices[i], *args, **kwargs) for i in np.ndindex(slices.shape[:-1])]
    results = [np.stack(r) if isinstance(r, (list, tuple)) else r for r in results]
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

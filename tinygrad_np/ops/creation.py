"""NumPy's functions that make arrays, asked for a tensor with `like=t`.

`np.array([[a, b], [c, d]], like=a)` makes a tensor of a list that holds tensors. The others give a
tensor of constants, so that what is written for arrays like the argument goes on with tensors
(NEP 35, "Array creation dispatching with __array_function__").
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from ..constants import stacked
from ..core.primitive import implements, plain
from ..core.tensor import Tensor, sequences


@implements(np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray)
def _array(
    a: Any, dtype=None, *, copy=None, ndmin=0, order=None, subok=False, ndmax=0, device=None
):
    """The tensor as it is, or a list stacked; `np.stack` tells the derivative."""
    a = stacked(a)
    if type(a) is not Tensor:
        return Tensor(np.array(a, dtype=dtype, ndmin=ndmin))
    if dtype is not None:
        a = a.astype(dtype)
    return np.reshape(a, (1,) * (ndmin - np.ndim(a)) + np.shape(a)) if ndmin > np.ndim(a) else a


@implements(np.require)
def _require(a, dtype=None, requirements=None):
    """The array; where it lies in memory is not a tensor's matter."""
    return _array(a, dtype)


@implements(np.full)
def _full(shape, fill_value, dtype=None, order="C", *, device=None):
    """The value, broadcast."""
    return np.broadcast_to(_array(fill_value, dtype), shape)


@implements(np.fromiter)
def _fromiter(iter, dtype, count=-1):
    """The values, stacked."""
    return _array(list(islice(iter, count if count >= 0 else None)), dtype)


@implements(np.fromfunction)
def _fromfunction(function, shape, *, dtype=float, **kwargs):
    """What the function makes of the indices, a constant array for each axis."""
    return function(*(Tensor(index) for index in np.indices(shape, dtype=dtype)), **kwargs)


def _constant(function):
    @implements(function)
    def rule(*args, **kwargs):
        """A tensor of constants."""
        return Tensor(function(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()}))


for _function in (
    *(np.arange, np.empty, np.eye, np.identity, np.ones, np.tri, np.zeros),
    *(np.frombuffer, np.fromfile, np.fromstring, np.genfromtxt, np.loadtxt),
):
    _constant(_function)


sequences.update(
    (np.block, np.choose, np.column_stack, np.concatenate, np.dstack, np.histogramdd),
    (np.hstack, np.lexsort, np.linalg.multi_dot, np.piecewise, np.select, np.stack, np.vstack),
)

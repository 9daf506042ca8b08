"""Choosing elements: `t[i]`, `np.take`, and their transposes, `t.at[i].set(v)` and `.add(v)`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.primitive import implements, no_flops, plain, primitive
from ..core.tensor import Tensor

moves = functools.partial(primitive, flops=no_flops)


@moves
def getitem(x, index):
    """y = x[index], for every index that NumPy takes.

    Element i of y is element p(i) of x, so the VJP adds g[i] to place p(i) of an array of zeros:
    `at_add`. A place that was chosen twice gets both.
    """
    return x[index]


@moves
def at_add(x, index, values):
    """y = x, with `values` added at x[index]; a place that the index names twice gets both.

    The VJPs: x enters y unchanged, so g; and `values` are chosen from y, so g[index].
    """
    y = x.copy()
    if _may_repeat(index):
        np.add.at(y, index, values)
    else:
        y[index] += values
    return y


@moves
def at_set(x, index, values):
    """y = x, with `values` in place of x[index].

    The VJPs: g with zeros at the places that were overwritten, and g[index].
    """
    y = x.copy()
    y[index] = values
    return y


def _may_repeat(index: Any) -> bool:
    """Whether an index might name a place twice: only arrays of integers can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, (list, np.ndarray)) and np.asarray(p).dtype != bool for p in parts)


getitem.defvjp(
    lambda g, y, x, index: at_add(np.zeros(x.shape, g.dtype), index, g),
)
at_add.defvjp(
    lambda g, y, x, index, values: g,
    None,
    lambda g, y, x, index, values: g[index],
)
at_set.defvjp(
    lambda g, y, x, index, values: at_set(g, index, 0),
    None,
    lambda g, y, x, index, values: g[index],
)


def _getitem(self: Tensor, index: Any) -> Tensor:
    return getitem(self, plain(index))


class _At:
    """`t.at`: indexed updates that return a new tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __getitem__(self, index: Any) -> _AtIndex:
        return _AtIndex(self.tensor, plain(index))


class _AtIndex:
    def __init__(self, tensor: Tensor, index: Any) -> None:
        self.tensor, self.index = tensor, index

    def set(self, values: Any) -> Tensor:
        """The tensor with `values` at the index."""
        return at_set(self.tensor, self.index, values)

    def add(self, values: Any) -> Tensor:
        """The tensor with `values` added at the index; repeated places add up."""
        return at_add(self.tensor, self.index, values)


Tensor.__getitem__ = _getitem  # type: ignore[attr-defined]
Tensor.at = property(_At, doc="Indexed updates: `t.at[index].set(v)` and `.add(v)`.")  # type: ignore


@implements(np.take)
def _take(a, indices, axis=None, out=None, mode="raise"):
    if axis is None:
        a, axis = np.ravel(a), 0
    indices = np.asarray(plain(indices))
    if mode == "wrap":
        indices = indices % a.shape[axis]
    elif mode == "clip":
        indices = np.clip(indices, 0, a.shape[axis] - 1)
    return a[(slice(None),) * (axis % a.ndim) + (indices,)]


@implements(np.take_along_axis)
def _take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return np.ravel(arr)[indices]
    places = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    places[axis] = indices
    return arr[tuple(places)]


@implements(np.diagonal)
def _diagonal(a, offset=0, axis1=0, axis2=1):
    last = np.moveaxis(a, (axis1, axis2), (-2, -1))
    i, j = np.nonzero(np.eye(*last.shape[-2:], k=offset))
    return last[..., i, j]


@implements(np.diag)
def _diag(v, k=0):
    if v.ndim == 2:
        return np.diagonal(v, k)
    size = v.shape[0] + abs(k)
    return at_add(np.zeros((size, size), v.dtype), np.nonzero(np.eye(size, k=k)), v)


@implements(np.trace)
def _trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@implements(np.tril)
def _tril(m, k=0):
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, 0)


@implements(np.triu)
def _triu(m, k=0):
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), 0, m)


@implements(np.sort)
def _sort(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind="stable"), axis)

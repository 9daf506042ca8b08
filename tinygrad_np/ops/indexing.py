"""Choosing elements: `t[i]`, `np.take` and their like, and the transpose: adding at places."""

from __future__ import annotations

import functools
import operator
from types import EllipsisType
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
    """y = x, with `values` in place of x[index]; of a place that the index names twice, the last.

    The VJPs: g with zeros at the places that were overwritten; and g[index], but 0 for those of the
    `values` that were overwritten themselves.
    """
    y = x.copy()
    y[index] = values
    return y


def _may_repeat(index: Any) -> bool:
    """Whether an index might name a place twice: only integers in an array or sequence can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        not isinstance(part, (int, slice, EllipsisType, type(None)))
        and np.asarray(part).dtype != bool
        for part in parts
    )


def _at_add_vjp_values(g, y, x, index, values):
    g = g[index]
    # Values may have leading axes of length 1 that x[index] lacks.
    return np.reshape(g, (1,) * (np.ndim(values) - np.ndim(g)) + np.shape(g))


def _at_set_vjp_values(g, y, x, index, values):
    g = _at_add_vjp_values(g, y, x, index, values)
    if not _may_repeat(index):
        return g
    order = np.reshape(np.arange(np.size(g)), np.shape(g))
    last = at_set(np.zeros(x.shape, int), index, order)
    return np.where(last[index] == order, g, 0)


getitem.defvjp(lambda g, y, x, index: at_add(np.zeros(x.shape, g.dtype), index, g))
at_add.defvjp(lambda g, y, x, index, values: g, None, _at_add_vjp_values)
at_set.defvjp(lambda g, y, x, index, values: at_set(g, index, 0), None, _at_set_vjp_values)


@implements(operator.getitem)
def _getitem(x, index):
    return getitem(x, plain(index))


class _At:
    """`t.at`: updates that return a new tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __getitem__(self, index: Any) -> _AtIndex:
        return _AtIndex(self.tensor, plain(index))


class _AtIndex:
    def __init__(self, tensor: Tensor, index: Any) -> None:
        self.tensor, self.index = tensor, index

    def set(self, values: Any) -> Tensor:
        """The tensor with `values` at the index; of a place named twice, the last."""
        return at_set(self.tensor, self.index, values)

    def add(self, values: Any) -> Tensor:
        """The tensor with `values` added at the index; places named twice get both."""
        return at_add(self.tensor, self.index, values)


Tensor.at = property(_At, doc="Indexed updates: `t.at[index].set(v)` and `.add(v)`.")  # type: ignore


def _chooses(function):
    """Make a primitive of a function that only chooses elements of its first argument.

    It tells itself where it takes them from: given the numbers of the places, 0, 1, 2, …, in place
    of x, it returns for every element of y the place in x that it came from.
    """

    def vjp(g, y, x, *args, **kwargs):
        places = function(np.reshape(np.arange(x.size), x.shape), *args, **kwargs)
        return np.reshape(at_add(np.zeros(x.size, g.dtype), np.ravel(places), np.ravel(g)), x.shape)

    moves(function).defvjp(vjp)


for _function in (
    *(np.delete, np.diagonal, np.fliplr, np.flipud, np.repeat, np.resize, np.rot90, np.take),
    *(np.take_along_axis, np.tile),
):
    _chooses(_function)


@implements(np.compress)
def _compress(condition, a, axis=None):
    return np.take(a, np.flatnonzero(condition), axis)


@implements(np.diag)
def _diag(v, k=0):
    if v.ndim == 2:
        return np.diagonal(v, k)
    i, size = np.arange(v.shape[0]), v.shape[0] + abs(k)
    return at_add(np.zeros((size, size), v.dtype), (i + max(-k, 0), i + max(k, 0)), v)


@implements(np.trace)
def _trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.tril)
def _tril(m, k=0):
    return np.where(np.tril(np.ones(m.shape, bool), k), m, 0)


@implements(np.triu)
def _triu(m, k=0):
    return np.where(np.triu(np.ones(m.shape, bool), k), m, 0)

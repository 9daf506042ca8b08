"""Choosing elements: `t[i]`, `np.take` and their like, and the transpose: adding at places."""

from __future__ import annotations

import functools
import operator
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import discrete, implements, no_flops, plain, primitive
from ..core.tensor import Tensor
from ..escape import explained


def moves(function=None, *, chooses=False):
    """Make a primitive of a function that only puts elements somewhere, or leaves some out.

    What its VJP tells from which elements of the output are used is which of the inputs are.
    """
    if function is None:
        return functools.partial(moves, chooses=chooses)
    made = primitive(function, flops=no_flops)
    made.uses, made.chooses = made.vjp, chooses
    return made


@moves(chooses=True)
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


@moves(chooses=True)
def at_set(x, index, values):
    """y = x, with `values` in place of x[index]; of a place that the index names twice, the last.

    The VJPs: g with zeros at the places that were overwritten; and g[index], but 0 for those of the
    `values` that were overwritten themselves.
    """
    if x.dtype.kind not in "fc" and np.asarray(values).dtype.kind in "fc":
        raise TypeError(
            f"at[index].set: the tensor is {x.dtype} and would cut off the values, which are "
            f"{np.asarray(values).dtype}; convert it with .astype first"
        )
    y = x.copy()
    y[index] = values
    return y


def _may_repeat(index: Any) -> bool:
    """Whether an index might name a place twice: only integers in an array or sequence can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        not isinstance(part, (int, np.integer, slice, EllipsisType, type(None)))
        and np.asarray(part).dtype != bool
        for part in parts
    )


def _at_add_vjp_values(g, y, x, index, values):
    """g[index], summed where the values were broadcast to x[index]."""
    g, shape = g[index], np.shape(values)
    extra = np.ndim(g) - len(shape)  # below 0 where the values have leading axes of length 1
    same = [
        n == m for n, m in zip(np.shape(g)[max(extra, 0) :], shape[max(-extra, 0) :], strict=True)
    ]
    axes = (*range(extra), *(i + max(extra, 0) for i, kept in enumerate(same) if not kept))
    return np.reshape(np.sum(g, axis=axes) if axes else g, shape)


def _at_set_vjp_values(g, y, x, index, values):
    if _may_repeat(index):
        order = numbered(x[index])
        last = at_set(np.zeros(x.shape, int), index, order)
        chosen = np.where(last[index] == order, g[index], 0)
        return _at_add_vjp_values(chosen, y, x, ..., values)
    return _at_add_vjp_values(g, y, x, index, values)


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
    """`t.at[index]`, with NumPy's indices; the values broadcast against `t[index]`."""

    def __init__(self, tensor: Tensor, index: Any) -> None:
        self.tensor, self.index = tensor, index

    def set(self, values: Any) -> Tensor:
        """The tensor with `values` at the index; of a place named twice, the last."""
        return at_set(self.tensor, self.index, values)

    def add(self, values: Any) -> Tensor:
        """The tensor with `values` added at the index; places named twice get both."""
        return at_add(self.tensor, self.index, values)

    def subtract(self, values: Any) -> Tensor:
        """The tensor with `values` subtracted at the index, from places named twice both."""
        return at_add(self.tensor, self.index, np.negative(values))

    def multiply(self, values: Any) -> Tensor:
        """The tensor multiplied by `values` at the index, places named twice by both."""
        return self._update(np.multiply, values)

    def divide(self, values: Any) -> Tensor:
        """The tensor divided by `values` at the index, places named twice by both."""
        return self._update(np.divide, values)

    def power(self, values: Any) -> Tensor:
        """The tensor raised to `values` at the index, places named twice to both in turn."""
        return self._update(np.power, values)

    def min(self, values: Any) -> Tensor:
        """The tensor with the lesser of its elements and `values` at the index."""
        return self._update(np.minimum, values)

    def max(self, values: Any) -> Tensor:
        """The tensor with the greater of its elements and `values` at the index."""
        return self._update(np.maximum, values)

    def _update(self, operation: Any, values: Any) -> Any:
        """What `operation.at` does, in turns: no turn changes a place twice."""
        if not _may_repeat(self.index):
            return self.set(operation(self.tensor[self.index], values))
        places = numbered(self.tensor)[self.index]
        values = np.ravel(np.broadcast_to(values, places.shape))
        y, rest = np.ravel(self.tensor), np.ravel(places)
        while rest.size:
            turn = np.unique(rest, return_index=True)[1]  # where each place comes up first
            y = at_set(y, rest[turn], operation(y[rest[turn]], values[turn]))
            rest, values = np.delete(rest, turn), np.delete(values, turn)
        return np.reshape(y, self.tensor.shape)


Tensor.at = property(  # type: ignore
    _At, doc="Indexed updates, `t.at[index].set(v)`, `.add(v)`, `.multiply(v)`, …: new tensors."
)


# Functions that choose or rearrange elements


def numbered(x, start=0):
    """The numbers of the places of x, from `start`, in its shape."""
    return np.reshape(np.arange(start, start + np.size(x)), np.shape(x))


def rearranged(function, *arrays, dtype=None):
    """`function(*arrays)`, for a function that only puts elements somewhere else.

    It tells itself where it takes them from: given numbers in place of the elements, it returns for
    each element of the output the number of the one that it came from.
    """
    starts = np.cumsum([0, *map(np.size, arrays)])
    places = function(*map(numbered, arrays, starts))
    return np.take(np.concatenate(arrays, axis=None, dtype=dtype, casting="unsafe"), places)


def _chooses(function):
    """Make a primitive of a function that only chooses elements of its first argument.

    As in `rearranged`, numbers tell where they came from; the VJP adds g there.
    """

    def vjp(g, y, x, *args, **kwargs):
        """g, added up at the places where the elements came from."""
        places = function(numbered(x), *args, **kwargs)
        return np.reshape(at_add(np.zeros(x.size, g.dtype), np.ravel(places), np.ravel(g)), x.shape)

    moves(function, chooses=True).defvjp(vjp)


for _function in (
    *(np.delete, np.diagonal, np.repeat, np.resize, np.take, np.take_along_axis),
    np.lib.stride_tricks.sliding_window_view,
):
    _chooses(_function)


@implements(np.compress)
def _compress(condition, a, axis=None):
    """`take`, of the places where the condition holds."""
    if np.ndim(condition) != 1:
        raise ValueError("np.compress: condition must have one axis")
    return np.take(a, np.flatnonzero(condition), axis)


@implements(np.extract)
def _extract(condition, arr):
    """`take`, of the places where the condition holds, both in one dimension."""
    return np.take(arr, np.flatnonzero(condition))


@implements(np.choose)
def _choose(a, choices, out=None, mode="raise"):
    """Elements of the choices, as NumPy's function arranges their numbers."""
    if out is not None:
        raise TypeError("np.choose: out= would write a Tensor into an array; use the result")
    return rearranged(lambda *places: np.choose(plain(a), places, mode=mode), *choices)


@moves(chooses=True)
def select(*choices, conditions):
    """Where the first condition holds the first choice, …; the last choice where none does.

    The VJP of a choice is g where it was chosen, and 0 elsewhere.
    """
    return np.select(conditions, choices[:-1], choices[-1])


def _select_vjp(i, g, y, *choices, conditions):
    conditions = conditions[: i + 1]
    parts = ([0] * i + [g, 0])[: len(conditions) + 1]
    return select(*parts, conditions=conditions)


select.defvjp_each(_select_vjp)
select.elementwise = True


@implements(np.select)
def _select(condlist, choicelist, default=0):
    """`select`."""
    return select(*choicelist, default, conditions=plain(list(condlist)))


@implements(np.piecewise)
def _piecewise(x, condlist, funclist, *args, **kw):
    """Each function of the elements where its condition holds, set there; the last one wins."""
    condlist = plain(condlist)
    if np.isscalar(condlist) or (not isinstance(condlist[0], (list, np.ndarray)) and np.ndim(x)):
        condlist = [condlist]
    conditions = list(np.asarray(plain(condlist), bool))
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise: {len(conditions)} conditions need as many functions, or one more; "
            f"{len(funclist)} came"
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if np.any(condition):
            value = function(x[condition], *args, **kw) if callable(function) else function
            y = at_set(y, condition, value)
    return y


@implements(np.trim_zeros)
def _trim_zeros(filt, trim="fb", axis=None):
    """A slice of each axis, from the first place where an element is not 0 to the last."""
    np.trim_zeros(np.zeros(1), trim)  # raises for what NumPy doesn't take
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    index = [slice(None)] * filt.ndim
    for a in axes:
        places = np.argwhere(plain(filt))[:, a]
        if places.size == 0:
            index[a] = slice(0)
        else:
            start = places.min() if "f" in trim.lower() else None
            index[a] = slice(start, places.max() + 1 if "b" in trim.lower() else None)
    return filt[tuple(index)]


@implements(np.diag)
def _diag(v, k=0):
    """The diagonal of a matrix; or a matrix with a diagonal, at which its elements are added."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"np.diag: v must have one or two axes, it has shape {v.shape}")
    i, size = np.arange(v.shape[0]), v.shape[0] + abs(k)
    return at_add(np.zeros((size, size), v.dtype), (i + max(-k, 0), i + max(k, 0)), v)


@implements(np.diagflat)
def _diagflat(v, k=0):
    """`diag`, of the elements in one dimension."""
    return np.diag(np.ravel(v), k)


@implements(np.trace)
def _trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    """The sum of the `diagonal`."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.tril)
def _tril(m, k=0):
    """`where`, with 0 above the diagonal."""
    return np.where(np.tril(np.ones(m.shape, bool), k), m, 0)


@implements(np.triu)
def _triu(m, k=0):
    """`where`, with 0 below the diagonal."""
    return np.where(np.triu(np.ones(m.shape, bool), k), m, 0)


def _in_place(function, update):
    @implements(function)
    def rule(*args, **kwargs):
        """Raises: tensors are immutable."""
        call, instead = explained("")  # np.full_like, say, calls np.copyto
        if call == "np.full_like":
            raise TypeError(f"{call}: the fill value would lose its gradient; {instead}")
        raise TypeError(
            f"np.{function.__name__} writes into its first argument, and would lose the gradient; "
            f"tensors are immutable: write t = {update}"
        )


_in_place(np.copyto, "np.where(where, src, t), or np.broadcast_to(src, t.shape)")
_in_place(np.fill_diagonal, "t.at[np.diag_indices(n)].set(value)")
_in_place(np.place, "t.at[mask].set(values)")
_in_place(np.put, "t.ravel().at[indices].set(values).reshape(t.shape)")
_in_place(np.put_along_axis, "t.at[index].set(values), with an index array for each axis")
_in_place(np.putmask, "np.where(mask, values, t)")

for _name in "isin packbits ravel_multi_index unpackbits unravel_index".split():
    discrete(getattr(np, _name))

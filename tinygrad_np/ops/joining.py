"""Operations that put arrays together, and take them apart.

Joining and cutting are each other's transposes: the VJP of one is the other.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..constants import stacked
from ..core.primitive import implements, plain
from .indexing import at_add, moves, rearranged


@moves
def concatenate(*arrays, axis=0, dtype=None, casting="same_kind"):
    """The arrays one after the other along an axis. The VJP cuts g at the joints."""
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


def _concatenate_vjp(i, g, y, *arrays, axis=0, dtype=None, casting=None):
    shape = np.shape(arrays[i])
    if axis is None:
        start = sum(np.size(array) for array in arrays[:i])
        return np.reshape(g[start : start + np.size(arrays[i])], shape)
    start = sum(np.shape(array)[axis] for array in arrays[:i])
    cut = [slice(None)] * np.ndim(y)
    cut[axis] = slice(start, start + shape[axis])
    return g[tuple(cut)]


concatenate.defvjp_each(_concatenate_vjp)


@moves
def stack(*arrays, axis=0, dtype=None, casting="same_kind"):
    """Arrays of one shape, side by side along a new axis. The VJP takes them out of g."""
    return np.stack(arrays, axis, dtype=dtype, casting=casting)


def _stack_vjp(i, g, y, *arrays, axis=0, dtype=None, casting=None):
    return g[(slice(None),) * normalize_axis_index(axis, np.ndim(y)) + (i,)]


stack.defvjp_each(_stack_vjp)


@moves(chooses=True)
def split(x, places, *, axis):
    """The parts of x at some places along an axis, each a range; they may overlap or be empty.

    The VJP puts the parts of g back one after the other, if this is how they lay, or else adds
    each at its places.
    """
    before = (slice(None),) * axis
    ends = ((p[0], p[-1] + 1) if len(p) else (0, 0) for p in places)
    return [x[(*before, slice(*end))] for end in ends]


def _split_vjp(g, parts, x, places, axis):
    joined, order = np.concatenate(g, axis), np.concatenate(places)
    if np.array_equal(order, np.arange(x.shape[axis])):
        return joined
    return at_add(np.zeros(x.shape, joined.dtype), (slice(None),) * axis + (order,), joined)


split.defvjp(_split_vjp)


@moves(chooses=True)
def unstack(x, *, axis=0):
    """The arrays that lie in x along an axis. The VJP stacks their cotangents."""
    return tuple(np.moveaxis(x, axis, 0))


unstack.defvjp(lambda g, parts, x, axis=0: np.stack(g, axis))


# NumPy's names


def _joins(function, join):
    @implements(function)
    def rule(arrays, axis=0, *, dtype=None, casting="same_kind"):
        if dtype is None:
            return join(*arrays, axis=axis)
        if np.dtype(dtype).kind not in "fc":
            return function(plain(list(arrays)), axis, dtype=dtype, casting=casting)
        return join(*arrays, axis=axis, dtype=dtype, casting=casting)

    rule.__doc__ = join.__doc__


_joins(np.concatenate, concatenate)
_joins(np.stack, stack)


@implements(np.append)
def _append(arr, values, axis=None):
    """`concatenate` of the two, both in one dimension if `axis` is None."""
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis)


@implements(np.vstack)
def _vstack(tup, *, dtype=None, casting="same_kind"):
    """`concatenate` of rows, or along the first axis."""
    return np.concatenate([np.atleast_2d(stacked(a)) for a in tup], dtype=dtype, casting=casting)


@implements(np.hstack)
def _hstack(tup, *, dtype=None, casting="same_kind"):
    """`concatenate` along the second axis, or the only one."""
    arrays = [np.atleast_1d(stacked(a)) for a in tup]
    axis = 0 if not arrays or np.ndim(arrays[0]) == 1 else 1
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


@implements(np.dstack)
def _dstack(tup):
    """`concatenate` along the third axis."""
    return np.concatenate([np.atleast_3d(stacked(a)) for a in tup], 2)


@implements(np.column_stack)
def _column_stack(tup):
    """`concatenate` of columns, or along the second axis."""
    return np.concatenate(
        [a if np.ndim(a) > 1 else np.atleast_2d(a).T for a in map(stacked, tup)], 1
    )


@implements(np.block)
def _block(arrays):
    """`concatenate` of the innermost lists along the last axis, of those around them before it."""
    np.block(_shapes(arrays))  # raises for lists that don't fit
    depth, part = 0, arrays
    while type(part) is list:
        depth, part = depth + 1, part[0]
    ndim = max(depth, *map(np.ndim, _flattened(arrays)))

    def join(part, axis):
        if type(part) is list:
            return np.concatenate([join(inner, axis + 1) for inner in part], axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return join(arrays, -depth)


def _shapes(arrays):
    """The nested lists with arrays that hold nothing."""
    if type(arrays) is list:
        return [_shapes(part) for part in arrays]
    return arrays if type(arrays) is tuple else np.empty(np.shape(arrays), np.void)


def _flattened(arrays):
    return [a for part in arrays for a in _flattened(part)] if type(arrays) is list else [arrays]


@implements(np.insert)
def _insert(arr, obj, values, axis=None):
    """Elements of `arr` and of `values`, as NumPy's function arranges their numbers."""

    def insert(places, inserted):
        return np.insert(places, plain(obj), inserted, axis)

    return rearranged(insert, arr, values, dtype=np.asarray(plain(arr)).dtype)


def _splits(function):
    @implements(function)
    def rule(ary, indices_or_sections, axis=0):
        """`split`, where NumPy's function cuts the numbers of the places along the axis."""
        axis = normalize_axis_index(axis, ary.ndim)
        return split(ary, function(np.arange(ary.shape[axis]), indices_or_sections), axis=axis)


for _cutting in (np.array_split, np.split):
    _splits(_cutting)


@implements(np.hsplit)
def _hsplit(ary, indices_or_sections):
    """`split` along the second axis, or the only one."""
    _needs_axes("hsplit", ary, 1)
    return np.split(ary, indices_or_sections, min(1, ary.ndim - 1))


@implements(np.vsplit)
def _vsplit(ary, indices_or_sections):
    """`split` along the first axis."""
    _needs_axes("vsplit", ary, 2)
    return np.split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def _dsplit(ary, indices_or_sections):
    """`split` along the third axis."""
    _needs_axes("dsplit", ary, 3)
    return np.split(ary, indices_or_sections, 2)


def _needs_axes(name, ary, n):
    if ary.ndim < n:
        raise ValueError(f"np.{name}: an array with {n} axes or more is needed, shape {ary.shape}")


@implements(iter)  # iteration, and unpacking: a, b = t
def _unstack(x, /, *, axis=0):
    """`unstack` along any axis."""
    axis = normalize_axis_index(axis, x.ndim)
    return unstack(x, axis=axis) if x.shape[axis] else ()


if hasattr(np, "unstack"):  # since NumPy 2.1
    implements(np.unstack)(_unstack)

"""Operations that move elements without changing them.

Each is a linear map that puts every element of the input somewhere in the output; its VJP is the
transpose of that map, which takes each cotangent back to where its element came from, and adds up
where an element went to several places.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.primitive import implements
from .indexing import moves


@moves
def reshape(x, shape, *, order="C"):
    """y = x in another shape. The VJP gives g the shape of x."""
    return np.reshape(x, shape, order=order)


reshape.defvjp(lambda g, y, x, shape, order="C": np.reshape(g, x.shape, order=order))


@moves
def transpose(x, axes):
    """y = x with its axes permuted. The VJP permutes back."""
    return np.transpose(x, axes)


transpose.defvjp(lambda g, y, x, axes: np.transpose(g, np.argsort(axes).tolist()))


@moves
def concatenate(*arrays, axis=0):
    """The arrays one after the other along an axis. The VJP cuts g at the joints."""
    return np.concatenate(arrays, axis)


def _concatenate_vjp(i, g, y, *arrays, axis=0):
    start = sum(np.shape(array)[axis] for array in arrays[:i])
    cut = [slice(None)] * np.ndim(y)
    cut[axis] = slice(start, start + np.shape(arrays[i])[axis])
    return g[tuple(cut)]


concatenate.defvjp_each(_concatenate_vjp)


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

# The walk over the tape sums a cotangent over the axes that broadcasting repeated.
moves(np.broadcast_to).defvjp(lambda g, y, x, shape, subok=False: g)
moves(np.flip).defvjp(lambda g, y, x, axis=None: np.flip(g, axis))
moves(np.roll).defvjp(lambda g, y, x, shift, axis=None: np.roll(g, np.negative(shift), axis))


# Other names of NumPy's for these. Where the new shape or the new order of the axes takes some
# working out, the function itself is asked, with an array that holds nothing.


def _reshapes(function):
    @implements(function)
    def rule(a, *args, **kwargs):
        return reshape(a, function(np.empty(np.shape(a), np.void), *args, **kwargs).shape)


def _permutes_axes(function):
    @implements(function)
    def rule(a, *args, **kwargs):
        # An array of shape (0, 1, 2, …) comes back with the order of the axes as its shape.
        return transpose(a, function(np.empty(range(a.ndim)), *args, **kwargs).shape)


@implements(np.reshape)
def _reshape(a, shape, order="C", *, copy=None):
    if order not in ("C", "F"):
        raise NotImplementedError(
            f'np.reshape: order={order!r} depends on how an array lies in memory; pass "C" or "F"'
        )
    return reshape(a, shape) if order == "C" else reshape(a, shape, order=order)


@implements(np.ravel)
def _ravel(a, order="C"):
    return _reshape(a, (-1,), order)


def _atleast(function):
    @implements(function)
    def rule(*arrays):
        made = tuple(reshape(a, function(np.empty(np.shape(a), np.void)).shape) for a in arrays)
        return made[0] if len(made) == 1 else made


def _splits(function):
    @implements(function)
    def rule(ary, indices_or_sections, axis=0):
        axis = normalize_axis_index(axis, ary.ndim)
        parts = function(np.arange(ary.shape[axis]), indices_or_sections)
        before = (slice(None),) * axis
        return [ary[(*before, slice(p[0], p[-1] + 1) if p.size else slice(0))] for p in parts]


for _squeezing in (np.expand_dims, np.squeeze):
    _reshapes(_squeezing)
for _turning in (np.matrix_transpose, np.moveaxis, np.rollaxis, np.swapaxes, np.transpose):
    _permutes_axes(_turning)
for _widening in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _atleast(_widening)
for _cutting in (np.array_split, np.split):
    _splits(_cutting)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays, subok=False):
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


@implements(np.concatenate)
def _concatenate(arrays, axis=0):
    if axis is None:
        arrays, axis = [np.ravel(array) for array in arrays], 0
    return concatenate(*arrays, axis=axis)


@implements(np.append)
def _append(arr, values, axis=None):
    return np.concatenate([arr, values], axis)


@implements(np.stack)
def _stack(arrays, axis=0):
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@implements(np.vstack)
def _vstack(tup):
    return np.concatenate([np.atleast_2d(a) for a in tup])


@implements(np.hstack)
def _hstack(tup):
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, min(1, np.ndim(arrays[0]) - 1))


@implements(np.dstack)
def _dstack(tup):
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@implements(np.column_stack)
def _column_stack(tup):
    return np.concatenate([a if np.ndim(a) > 1 else np.atleast_2d(a).T for a in tup], 1)


@implements(np.pad)
def _pad(array, pad_width, mode="constant", **options):
    if mode == "constant":
        widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
        return pad(array, tuple(map(tuple, widths)), value=options.get("constant_values", 0))
    chooses = mode in ("edge", "reflect", "symmetric", "wrap")
    if chooses and options.get("reflect_type") != "odd":
        # Pad the numbers of the places, and take what lies there.
        places = np.reshape(np.arange(array.size), array.shape)
        return np.take(array, np.pad(places, pad_width, mode, **options))
    raise NotImplementedError(f"np.pad: mode={mode!r} with {options} has no derivative rule")


@implements(np.copy)
def _copy(a, order="K", subok=False):
    return a

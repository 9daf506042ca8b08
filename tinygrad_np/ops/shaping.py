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
        return reshape(a, function(np.broadcast_to(0, np.shape(a)), *args, **kwargs).shape)

    return rule


def _permutes_axes(function):
    @implements(function)
    def rule(a, *args, **kwargs):
        # An array of shape (0, 1, 2, …) comes back with the order of the axes as its shape.
        return transpose(a, function(np.empty(range(a.ndim)), *args, **kwargs).shape)


for _function in (np.expand_dims, np.squeeze):
    _reshapes(_function)
for _function in (np.matrix_transpose, np.moveaxis, np.rollaxis, np.swapaxes, np.transpose):
    _permutes_axes(_function)


@implements(np.reshape)
def _reshape(a, shape, order="C", *, copy=None):
    if order not in ("C", "F"):
        raise NotImplementedError(
            f'order={order!r} depends on how the array lies in memory; pass order="C" or "F"'
        )
    return reshape(a, shape) if order == "C" else reshape(a, shape, order=order)


@implements(np.ravel)
def _ravel(a, order="C"):
    return _reshape(a, (-1,), order)


def _atleast(function):
    def rule(*arrays):
        made = tuple(reshape_rule(array) for array in arrays)
        return made[0] if len(made) == 1 else made

    reshape_rule = _reshapes(function)
    implements(function)(rule)


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _atleast(_function)

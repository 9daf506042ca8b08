"""Operations that give an array another shape, or its axes or elements another order.

Each is a linear map that puts every element of the input somewhere in the output; its VJP is the
transpose of that map, which takes each cotangent back to where its element came from, and adds up
where an element went to several places.
"""

from __future__ import annotations

import numpy as np

from ..core.primitive import implements, plain
from ..core.tensor import Tensor
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

# The walk over the tape sums a cotangent over the axes that broadcasting repeated.
moves(np.broadcast_to).defvjp(lambda g, y, x, shape, subok=False: g)
moves(np.flip).defvjp(lambda g, y, m, axis=None: np.flip(g, axis))
moves(np.roll).defvjp(lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis))


# Other names of NumPy's for these. Where the new shape or the new order of the axes takes some
# working out, the function itself is asked, with an array that holds nothing.


def _empty_like(a):
    return np.empty(np.shape(a), np.void)


def _reshapes(function):
    @implements(function)
    def rule(a, *args, **kwargs):
        """`reshape`, to the shape that NumPy's function gives."""
        return reshape(a, function(_empty_like(a), *args, **kwargs).shape)


def _permutes_axes(function):
    @implements(function)
    def rule(a, *args, **kwargs):
        """`transpose`, in the order of the axes that NumPy's function gives."""
        # An array of shape (0, 1, 2, …) comes back with the order of the axes as its shape.
        return transpose(a, function(np.empty(range(a.ndim)), *args, **kwargs).shape)


def _atleast(function):
    @implements(function)
    def rule(*arrays):
        """`reshape`, where axes are missing."""
        made = tuple(reshape(a, function(_empty_like(a)).shape) for a in arrays)
        return made[0] if len(made) == 1 else made


for _squeezing in (np.expand_dims, np.squeeze):
    _reshapes(_squeezing)
for _turning in (np.matrix_transpose, np.moveaxis, np.rollaxis, np.swapaxes, np.transpose):
    _permutes_axes(_turning)
for _widening in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _atleast(_widening)


@implements(np.reshape)
def _reshape(a, shape, order="C", *, copy=None):
    """`reshape`, in one of the two orders that don't depend on how the array lies in memory."""
    if order not in ("C", "F"):
        raise NotImplementedError(
            f'np.reshape: order={order!r} depends on how an array lies in memory; pass "C" or "F"'
        )
    if copy is False:
        np.reshape(plain(a), shape, order=order, copy=False)  # raises where it can't be done
    return reshape(a, shape) if order == "C" else reshape(a, shape, order=order)


@implements(np.ravel)
def _ravel(a, order="C"):
    """`reshape` to one axis."""
    return _reshape(a, (-1,), order)


@implements(np.copy)
def _copy(a, order="K", subok=False):
    """The tensor itself, which can't change."""
    return a


@implements(np.full_like)
def _full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """The value, broadcast, in the dtype of `a`; a derivative with respect to the value alone."""
    dtype = np.result_type(plain(a)) if dtype is None else dtype
    return np.astype(np.broadcast_to(fill_value, np.shape(a) if shape is None else shape), dtype)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays, subok=False):
    """`broadcast_to` the shape that they have together."""
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


@implements(np.meshgrid)
def _meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Each array along an axis of its own, broadcast unless `sparse`."""
    open_grid = np.meshgrid(*map(_empty_like, xi), sparse=True, indexing=indexing)
    grid = tuple(np.reshape(x, open_x.shape) for x, open_x in zip(xi, open_grid, strict=True))
    return grid if sparse else tuple(np.broadcast_arrays(*grid))


@implements(np.ix_)
def _ix_(*args):
    """Each sequence along an axis of its own; those of booleans as the numbers of their places."""
    return tuple(
        np.reshape(arg, part.shape) if type(arg) is Tensor and arg.dtype != bool else part
        for arg, part in zip(args, np.ix_(*map(plain, args)), strict=True)
    )


@implements(np.tile)
def _tile(A, reps):  # NumPy's name of the argument
    """Each axis, after a new one along which it is broadcast, merged with that one."""
    reps = tuple(np.ravel(plain(reps)).tolist())
    shape = (1,) * (len(reps) - np.ndim(A)) + np.shape(A)
    reps = (1,) * (len(shape) - len(reps)) + reps
    apart = np.reshape(A, [n for size in shape for n in (1, size)])
    apart = np.broadcast_to(apart, [n for pair in zip(reps, shape, strict=True) for n in pair])
    return np.reshape(apart, [rep * size for rep, size in zip(reps, shape, strict=True)])


@implements(np.fliplr)
def _fliplr(m):
    """`flip`, along the second axis."""
    if m.ndim < 2:
        raise ValueError(f"np.fliplr: m must have two axes or more, it has shape {m.shape}")
    return np.flip(m, 1)


@implements(np.flipud)
def _flipud(m):
    """`flip`, along the first axis."""
    return np.flip(m, 0)


@implements(np.rot90)
def _rot90(m, k=1, axes=(0, 1)):
    """Half a turn flips both axes; a quarter flips one and swaps them."""
    np.rot90(_empty_like(m), k, axes)  # raises for axes that don't fit
    first, second = axes
    if k % 2 == 0:
        return np.flip(m, (first, second)) if k % 4 else m
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)

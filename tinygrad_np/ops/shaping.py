"""Operations that move elements without changing them.

Each is a linear map that puts every element of the input somewhere in the output; its VJP is the
transpose of that map, which takes each cotangent back to where its element came from, and adds up
where an element went to several places.
"""

from __future__ import annotations

import functools

import numpy as np

from ..core.primitive import implements, no_flops, primitive

moves = functools.partial(primitive, flops=no_flops)


@moves
def reshape(x, shape, *, order="C"):
    """y = x in another shape. The VJP gives g the shape of x."""
    return np.reshape(x, shape, order=order)


reshape.defvjp(lambda g, y, x, shape, order="C": np.reshape(g, x.shape, order=order))


@moves
def transpose(x, axes):
    """y = x with its axes permuted. The VJP permutes back."""
    return np.transpose(x, axes)


transpose.defvjp(lambda g, y, x, axes: np.transpose(g, tuple(int(a) for a in np.argsort(axes))))


@moves
def broadcast_to(x, shape):
    """y = x repeated along new axes and axes of length 1. The VJP sums over the repetitions."""
    return np.broadcast_to(x, shape)


broadcast_to.defvjp(lambda g, y, x, shape: g)  # the walk sums a cotangent to its input's shape


@moves
def flip(x, axis=None):
    """y = x backwards along some axes. The VJP flips g."""
    return np.flip(x, axis)


flip.defvjp(lambda g, y, x, axis=None: np.flip(g, axis))


@moves
def roll(x, shift, axis=None):
    """y = x rotated along some axes. The VJP rotates back."""
    return np.roll(x, shift, axis)


roll.defvjp(lambda g, y, x, shift, axis=None: np.roll(g, np.negative(shift), axis))


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


# NumPy's names for these


@implements(np.reshape)
def _reshape(a, shape, order="C", *, copy=None):
    return reshape(a, shape) if order == "C" else reshape(a, shape, order=order)


@implements(np.ravel)
def _ravel(a, order="C"):
    return reshape(a, (-1,)) if order == "C" else reshape(a, (-1,), order=order)


@implements(np.squeeze)
def _squeeze(a, axis=None):
    return reshape(a, np.squeeze(np.empty(a.shape, np.void), axis).shape)


@implements(np.expand_dims)
def _expand_dims(a, axis):
    return reshape(a, np.expand_dims(np.empty(a.shape, np.void), axis).shape)


@implements(np.transpose)
def _transpose(a, axes=None):
    axes = range(a.ndim)[::-1] if axes is None else np.lib.array_utils.normalize_axis_tuple(axes, a.ndim)
    return transpose(a, tuple(axes))


@implements(np.permute_dims)
def _permute_dims(a, axes=None):
    return _transpose(a, axes)


@implements(np.swapaxes)
def _swapaxes(a, axis1, axis2):
    axes = list(range(a.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(a, tuple(axes))


@implements(np.matrix_transpose)
def _matrix_transpose(x):
    return np.swapaxes(x, -1, -2)


@implements(np.moveaxis)
def _moveaxis(a, source, destination):
    normal = np.lib.array_utils.normalize_axis_tuple
    source, destination = normal(source, a.ndim), normal(destination, a.ndim)
    if len(source) != len(destination):
        raise ValueError("np.moveaxis: source and destination must have the same number of axes")
    axes = [axis for axis in range(a.ndim) if axis not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(place, axis)
    return transpose(a, tuple(axes))


@implements(np.broadcast_to)
def _broadcast_to(array, shape, subok=False):
    return broadcast_to(array, tuple(np.ravel(shape).tolist()))


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays, subok=False):
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


@implements(np.atleast_1d)
def _atleast_1d(*arrays):
    made = tuple(np.reshape(a, (1,)) if np.ndim(a) == 0 else a for a in arrays)
    return made[0] if len(made) == 1 else made


@implements(np.atleast_2d)
def _atleast_2d(*arrays):
    made = tuple(np.reshape(a, np.atleast_2d(np.empty(np.shape(a))).shape) for a in arrays)
    return made[0] if len(made) == 1 else made


@implements(np.flip)
def _flip(m, axis=None):
    return flip(m, axis)


@implements(np.fliplr)
def _fliplr(m):
    return flip(m, 1)


@implements(np.flipud)
def _flipud(m):
    return flip(m, 0)


@implements(np.roll)
def _roll(a, shift, axis=None):
    return roll(a, shift, axis)


@implements(np.concatenate)
def _concatenate(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if out is not None or dtype is not None:
        raise NotImplementedError("np.concatenate: out= and dtype= are not supported for tensors")
    if axis is None:
        return concatenate(*(np.ravel(array) for array in arrays))
    return concatenate(*arrays, axis=axis)


@implements(np.stack)
def _stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@implements(np.vstack)
def _vstack(tup, *, dtype=None, casting="same_kind"):
    return np.concatenate([np.atleast_2d(a) for a in tup])


@implements(np.hstack)
def _hstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, 0 if np.ndim(arrays[0]) == 1 else 1)


@implements(np.split)
def _split(ary, indices_or_sections, axis=0):
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % indices_or_sections:
        raise ValueError("np.split: the array doesn't divide into equal parts; see np.array_split")
    return _array_split(ary, indices_or_sections, axis)


@implements(np.array_split)
def _array_split(ary, indices_or_sections, axis=0):
    axis %= ary.ndim
    places = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    cuts = [(slice(None),) * axis + (slice(p[0], p[-1] + 1) if len(p) else slice(0, 0),) for p in places]
    return [ary[cut] for cut in cuts]


@implements(np.repeat)
def _repeat(a, repeats, axis=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)


@implements(np.tile)
def _tile(A, reps):
    reps = tuple(np.ravel(reps).tolist())
    shape = (1,) * (len(reps) - A.ndim) + A.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    between = np.reshape(A, [n for size in shape for n in (1, size)])
    tiled = np.broadcast_to(between, [n for pair in zip(reps, shape, strict=True) for n in pair])
    return np.reshape(tiled, [r * n for r, n in zip(reps, shape, strict=True)])


@implements(np.pad)
def _pad(array, pad_width, mode="constant", **kwargs):
    widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
    if mode == "constant" and np.ndim(kwargs.get("constant_values", 0)) == 0:
        return pad(array, tuple(map(tuple, widths)), value=kwargs.get("constant_values", 0))
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        # These only choose elements: pad the positions in the same way, and index with them.
        for axis, width in enumerate(widths):
            places = np.pad(np.arange(array.shape[axis]), width, mode=mode, **kwargs)
            array = np.take(array, places, axis=axis)
        return array
    raise NotImplementedError(f"np.pad: mode={mode!r} has no derivative rule")


@implements(np.copy)
def _copy(a, order="K", subok=False):
    return a

"""Evenly spaced numbers between two ends that vary."""

from __future__ import annotations

import numpy as np

from ..core.primitive import implements, primitive


def _weights(y, num, endpoint, axis):
    """How far along the i-th of n numbers stands: wᵢ = i / (n - 1), or i / n without the end."""
    shape = [1] * np.ndim(y)
    shape[axis] = num
    return (np.arange(num) / max(num - 1 if endpoint else num, 1)).reshape(shape)


@primitive(name="linspace")
def _linspace(start, stop, num, endpoint, dtype, axis):
    """yᵢ = (1 - wᵢ) start + wᵢ stop. The VJPs are Σᵢ gᵢ (1 - wᵢ) and Σᵢ gᵢ wᵢ."""
    return np.linspace(start, stop, num, endpoint, dtype=dtype, axis=axis)


_linspace.defvjp(
    lambda g, y, start, stop, num, endpoint, dtype, axis: np.sum(
        g * (1 - _weights(y, num, endpoint, axis)), axis
    ),
    lambda g, y, start, stop, num, endpoint, dtype, axis: np.sum(
        g * _weights(y, num, endpoint, axis), axis
    ),
)


@primitive(name="geomspace")
def _geomspace(start, stop, num, endpoint, dtype, axis):
    """yᵢ = start^(1 - wᵢ) stop^wᵢ, so that log y is evenly spaced.

    The derivatives are (1 - wᵢ) yᵢ / start and wᵢ yᵢ / stop.
    """
    return np.geomspace(start, stop, num, endpoint, dtype, axis)


_geomspace.defvjp(
    lambda g, y, start, stop, num, endpoint, dtype, axis: (
        np.sum(g * y * (1 - _weights(y, num, endpoint, axis)), axis) / start
    ),
    lambda g, y, start, stop, num, endpoint, dtype, axis: (
        np.sum(g * y * _weights(y, num, endpoint, axis), axis) / stop
    ),
)


def _floating(name, dtype):
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise NotImplementedError(
            f"np.{name}: dtype={np.dtype(dtype)} rounds; it has no derivative for tensors"
        )


@implements(np.linspace)
def _linspace_of(
    start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None
):
    _floating("linspace", dtype)
    y = _linspace(start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)
    if not retstep:
        return y
    steps = num - 1 if endpoint else num
    return y, np.subtract(stop, start) / steps if steps > 0 else np.nan


@implements(np.geomspace)
def _geomspace_of(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    _floating("geomspace", dtype)
    return _geomspace(start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)


@implements(np.logspace)
def _logspace_of(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """base to the power of evenly spaced numbers."""
    _floating("logspace", dtype)
    if np.ndim(base):
        shape = np.broadcast_shapes(*(np.shape(end) for end in (start, stop, base)))
        start, stop = (np.broadcast_to(end, shape) for end in (start, stop))
        base = np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else np.astype(y, dtype)

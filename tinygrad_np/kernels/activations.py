"""Activations of raw arrays; large ones are shared between the threads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .choice import or_compiled
from .memory import empty
from .sums import column_sums
from .threads import cut, get_num_threads, share

__all__ = ["bias_relu", "relu", "where_positive", "where_positive_and_sums"]

SMALLEST_SHARED = 1 << 20  # bytes; less is done sooner than another thread wakes up
IN_CACHE = 1 << 18  # bytes of what is written in two passes
LONG_LOOP = 1024  # elements


@or_compiled
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0); NaN stays NaN."""
    y, zeros = empty(x.shape, x.dtype), _zeros(x)
    by_parts(lambda y, x: np.maximum(x, zeros, out=y), y, x)
    return y


@or_compiled
def where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g where y > 0, and 0 elsewhere, also for an infinite g."""
    dx = empty(g.shape, g.dtype)
    by_parts(lambda dx, g, y: select(g, y > 0, out=dx), dx, g, y)
    return dx


def select(values: np.ndarray, mask: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The values where the mask is True, elsewhere 0.

    `np.where` branches on every element. A product with True or False does not and is six times as
    fast; taken of the values' bits, read as integers, it keeps infinity times False from being NaN.
    """
    if values.itemsize > 8:  # no integer is as wide
        np.copyto(out, np.where(mask, values, 0))
    else:
        bits = np.dtype(f"i{values.itemsize}")
        np.multiply(values.view(bits), mask, out=out.view(bits))
    return out


@or_compiled
def bias_relu(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """max(x + bias, 0) for a bias that has the length of the last axis of x; NaN stays NaN."""
    y = empty(x.shape, np.result_type(x, bias))
    if x.ndim == 1:
        return np.maximum(np.add(x, bias, out=y), 0, out=y)
    zeros = _zeros(y)
    if len(x) > 1:  # repeated, so that NumPy adds it in loops as long as an image
        bias = np.broadcast_to(bias, x.shape[1:]).copy()
    step = max(1, IN_CACHE // max(1, y[:1].nbytes))

    def work(y: np.ndarray, x: np.ndarray) -> None:
        for i in range(0, len(x), step):
            part = y[i : i + step]
            np.maximum(np.add(x[i : i + step], bias, out=part), zeros, out=part)

    by_parts(work, y, x)
    return y


@or_compiled
def where_positive_and_sums(g: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`where_positive(g, y)`, and its sums over all axes but the last."""
    dx = where_positive(g, y)
    rows = dx.reshape(math.prod(dx.shape[:-1]), dx.shape[-1])
    return dx, rows[0].copy() if len(rows) == 1 else column_sums(rows)


def _zeros(x: np.ndarray) -> np.ndarray:
    """What to take the maximum with: one zero, or one for each place behind the first axis.

    In the cache, NumPy takes the maximum of two float32 arrays three times as fast as that of an
    array and a number, if the loops are long.
    """
    places = x.shape[1:]
    return np.zeros(places if math.prod(places) >= LONG_LOOP else (), x.dtype)


def by_parts(work: Callable[..., object], *arrays: np.ndarray) -> None:
    """Call `work` on all arrays, or have the threads call it on parts of their first axis."""
    if arrays[0].nbytes < SMALLEST_SHARED:
        work(*arrays)
        return
    parts = cut(len(arrays[0]), 4 * get_num_threads())
    share(lambda part: work(*(array[part] for array in arrays)), parts, multiplies=False)

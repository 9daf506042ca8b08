"""Elementwise functions in one pass, by all threads."""

from __future__ import annotations

import numpy as np

from ..memory import empty
from ..threads import cut, get_num_threads, share
from .simd import jit

SMALLEST_SHARED = 1 << 20  # bytes; less is done sooner than another thread wakes up


def relu(x: np.ndarray) -> np.ndarray:
    y = empty(x.shape, x.dtype)
    _by_parts(_relu, y, x)
    return y


def where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    dx = empty(g.shape, g.dtype)
    _by_parts(_where_positive, dx, g, y)
    return dx


def _by_parts(kernel, *arrays):
    flat = [array.reshape(-1) for array in arrays]
    if arrays[0].nbytes < SMALLEST_SHARED:
        kernel(*flat)
        return
    share(
        lambda part: kernel(*(array[part] for array in flat)),
        cut(flat[0].size, 4 * get_num_threads()),
        multiplies=False,
    )


@jit
def _relu(y, x):
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]


@jit
def _where_positive(dx, g, y):
    zero = g.dtype.type(0)
    for i in range(g.size):
        value = g[i]
        dx[i] = value if y[i] > zero else zero

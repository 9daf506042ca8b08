"""Activations in one pass, by all threads."""

from __future__ import annotations

import numpy as np

from ..activations import SMALLEST_SHARED, by_parts
from ..memory import empty
from ..sums import GROUP
from ..threads import cut, get_num_threads, share
from .simd import jit


def relu(x: np.ndarray) -> np.ndarray:
    y = empty(x.shape, x.dtype)
    by_parts(_relu, y.reshape(-1), x.reshape(-1))
    return y


def where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    dx = empty(g.shape, g.dtype)
    by_parts(_where_positive, dx.reshape(-1), g.reshape(-1), y.reshape(-1))
    return dx


def bias_relu(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    y, shape = empty(x.shape, x.dtype), (-1, bias.size)
    by_parts(lambda y, x: _bias_relu(y, x, bias), y.reshape(shape), x.reshape(shape))
    return y


def where_positive_and_sums(g: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dx, shape = empty(g.shape, g.dtype), (-1, g.shape[-1])
    rows = [array.reshape(shape) for array in (dx, g, y)]
    parts = cut(len(rows[0]), 1 if dx.nbytes < SMALLEST_SHARED else 4 * get_num_threads())
    sums = np.zeros((len(parts), g.shape[-1]))
    if len(parts) == 1:
        _where_positive_and_sums(sums[0], *rows)
        return dx, sums[0].astype(g.dtype)
    share(
        lambda i: _where_positive_and_sums(sums[i], *(array[parts[i]] for array in rows)),
        range(len(parts)),
        multiplies=False,
    )
    return dx, sums.sum(axis=0).astype(g.dtype)


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


@jit
def _bias_relu(y, x, bias):
    zero = x.dtype.type(0)
    for i in range(len(x)):
        for k in range(bias.size):
            value = x[i, k] + bias[k]
            y[i, k] = zero if value <= zero else value


@jit
def _where_positive_and_sums(sums, dx, g, y):
    zero = g.dtype.type(0)
    rows, columns = g.shape
    few = np.zeros(columns, g.dtype)  # as in `kernels.sums`
    for i in range(rows):
        for k in range(columns):
            value = g[i, k] if y[i, k] > zero else zero
            dx[i, k] = value
            few[k] += value
        if i % GROUP == GROUP - 1 or i == rows - 1:
            for k in range(columns):
                sums[k] += few[k]
                few[k] = zero

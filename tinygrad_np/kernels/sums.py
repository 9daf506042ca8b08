"""Sums over many rows of raw arrays, nearly as exact as their type can say, and faster than np.sum.

NumPy adds the rows of a matrix one after another to a single row of sums. Each addition rounds, so
in single precision the sums of two million rows are wrong in the second digit; and where the rows
are short, so are the loops. Here rows are laid end to end until they make a long one, 32 such rows
are added in the array's own precision, and the sums of these groups in double precision.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from .threads import cut, get_num_threads, share

__all__ = ["column_sums", "sum_over"]

GROUP = 32  # rows that are added before rounding is kept from growing
FEW = 128  # rows that are added as NumPy adds them: sooner done, and wrong by 1e-6 at most
LONG_ROW = 4096  # elements; the sums of a group stay in the cache nearest to the core
SMALLEST_SHARED = 4 << 20  # bytes; less is read sooner than another thread wakes up


def column_sums(a: np.ndarray) -> np.ndarray:
    """The sum of the rows of a matrix of floating-point or complex numbers.

    The error does not grow with the number of rows: it stays below 1e-6 of the sum of absolute
    values in single precision. The same number of threads gives the same bits.

    >>> column_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    narrow = np.dtype(np.float32) if a.dtype == np.float16 else a.dtype  # half's sums overflow
    if len(a) <= FEW:
        return np.add.reduce(a, 0, dtype=narrow).astype(a.dtype, copy=False)
    if not a.flags.c_contiguous and a.flags.f_contiguous:
        return _add_along(a, 0)[0]
    pieces = get_num_threads() if a.nbytes >= SMALLEST_SHARED else 1
    sums = np.zeros((pieces, a.shape[1]), np.result_type(a, np.float64))
    if pieces == 1:
        _add_rows(sums[0], a, narrow)
        return sums[0].astype(a.dtype)
    parts = cut(len(a), pieces)
    share(lambda i: _add_rows(sums[i], a[parts[i]], narrow), range(pieces), multiplies=False)
    return np.add.reduce(sums, 0).astype(a.dtype)


def _add_rows(sums: np.ndarray, a: np.ndarray, narrow: np.dtype) -> None:
    columns = a.shape[1]
    while len(a) >= GROUP:
        count = min(len(a) // GROUP, -(-LONG_ROW // columns))  # of rows that are laid end to end
        step = GROUP * count
        groups = np.zeros(count * columns, sums.dtype)
        whole = len(a) // step * step
        for i in range(0, whole, step):
            groups += np.add.reduce(a[i : i + step].reshape(GROUP, -1), 0, dtype=narrow)
        sums += np.add.reduce(groups.reshape(count, columns), 0)
        a = a[whole:]
    sums += np.add.reduce(a, 0, dtype=narrow)


def sum_over(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """`np.sum(x, axis=axes, keepdims=True)`, for axes in ascending order.

    >>> sum_over(np.ones((2, 3, 4)), (0, 1))
    array([[[6., 6., 6., 6.]]])
    """
    rows = math.prod([x.shape[axis] for axis in axes])
    if rows <= FEW or x.size == 0 or x.dtype.kind not in "fc":
        return np.add.reduce(x, axis=axes, keepdims=True)
    if x.flags.c_contiguous:
        if axes[-1] < len(axes) < x.ndim:  # the usual case: all leading axes
            row = x.shape[len(axes) :]
            return column_sums(x.reshape(rows, -1)).reshape((1,) * len(axes) + row)
    elif min(x.strides) > 0:  # perhaps it is, with its axes in another order
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        if order != list(range(x.ndim)):
            places = tuple(sorted(order.index(axis) for axis in axes))
            return sum_over(x.transpose(order), places).transpose(np.argsort(order))
    # Neighbouring axes that are summed over, or not, are one.
    blocks = itertools.groupby(range(x.ndim), lambda axis: axis in axes or x.shape[axis] == 1)
    summed, lengths = zip(
        *((which, math.prod(x.shape[axis] for axis in block)) for which, block in blocks),
        strict=True,
    )
    y = x.reshape(lengths)
    for axis in reversed(range(y.ndim)):
        if summed[axis]:
            y = _sum_over_one(y, axis)
    return y.reshape([1 if axis in axes else n for axis, n in enumerate(x.shape)])


def _sum_over_one(x: np.ndarray, axis: int) -> np.ndarray:
    before, rows, row = x.shape[:axis], x.shape[axis], math.prod(x.shape[axis + 1 :])
    if rows <= FEW or (math.prod(before) > 1 and (row == 1 or rows * row < LONG_ROW)):
        return _add_along(x, axis)
    sums = [column_sums(matrix) for matrix in x.reshape(-1, rows, row)]
    return np.array(sums).reshape(*before, 1, *x.shape[axis + 1 :])


def _add_along(x: np.ndarray, axis: int) -> np.ndarray:
    """`np.sum(x, axis, keepdims=True)`, of many numbers in double precision.

    Where they lie side by side NumPy adds pairs, and pairs of these, and of few it loses little.
    """
    wide = np.result_type(x, np.float64) if x.shape[axis] > LONG_ROW else x.dtype
    return np.add.reduce(x, axis, keepdims=True, dtype=wide).astype(x.dtype, copy=False)

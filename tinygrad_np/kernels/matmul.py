"""Matrix products that keep BLAS's own threads asleep.

After a product that BLAS has shared between its threads, these go on spinning for tens of
milliseconds in case there is another. A convolution that runs meanwhile in Python's threads loses
half its speed to them, which is more than the product took. So large products are shared between
Python's threads as well.
"""

from __future__ import annotations

import math

import numpy as np

from .choice import or_compiled
from .memory import empty
from .threads import cut, get_num_threads, share

__all__ = ["matmul", "outer"]

# Multiplications. A smaller product is done sooner than another thread wakes up.
SMALLEST_SHARED = 4_000_000
# Of a product with no more than these, no BLAS gives a part to its threads.
LARGEST_UNSHARED = 8192
# Bytes of an outer product, which takes as long as they take to write.
SMALLEST_SHARED_OUTER = 8 << 20

# Numbers. np.multiply takes up to half as long again as einsum for shorter rows, and half the time
# for longer ones; np.matmul takes several times as long.
LONG_ROW = 4096


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`np.matmul(a, b)`, in which large products of matrices are shared between the threads.

    A stack of matrices times one matrix is one product, of all their rows.

    >>> matmul(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    if a.ndim != 2 or b.ndim != 2:
        return _stacked(a, b)
    if a.shape[1] != len(b):
        return np.matmul(a, b)  # which says so
    if a.size * b.shape[1] <= LARGEST_UNSHARED:
        return np.matmul(a, b)
    dtype = np.result_type(a, b)
    if len(b) == 1 and dtype.kind == "f":
        return outer(a, b)
    out = empty((len(a), b.shape[1]), dtype)
    pieces = get_num_threads() if a.size * b.shape[1] >= SMALLEST_SHARED else 1
    if len(a) < b.shape[1]:  # the parts of the longer side are nearer to square
        parts = cut(b.shape[1], pieces)
        share(lambda part: np.matmul(a, b[:, part], out=out[:, part]), parts)
    else:
        parts = cut(len(a), pieces)
        share(lambda part: np.matmul(a[part], b, out=out[part]), parts)
    return out


def _stacked(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim < 3 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        return np.matmul(a, b)
    if b.ndim == 2:
        rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
        return matmul(rows, b).reshape(*a.shape[:-1], b.shape[1])
    each = a.shape[-2] * a.shape[-1] * b.shape[-1]
    if a.shape[:-2] != b.shape[:-2] or a.size * b.shape[-1] <= LARGEST_UNSHARED:
        return np.matmul(a, b)
    out = empty((*a.shape[:-1], b.shape[-1]), np.result_type(a, b))
    pieces = get_num_threads() if a.size * b.shape[-1] >= SMALLEST_SHARED else 1
    if len(a) < pieces:
        for one, other, product in zip(a, b, out, strict=True):
            product[...] = matmul(one, other)
    else:
        share(
            lambda part: np.matmul(a[part], b[part], out=out[part]),
            cut(len(a), pieces),
            multiplies=each > LARGEST_UNSHARED,
        )
    return out


@or_compiled
def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of a column (n, 1) and a row (1, m)."""
    out = empty((len(a), b.shape[1]), np.result_type(a, b))

    def work(part: slice) -> None:
        if b.size < LONG_ROW:
            np.einsum("ij,jk->ik", a[part], b, out=out[part])
        else:
            np.multiply(a[part], b, out=out[part])

    pieces = get_num_threads() if out.nbytes >= SMALLEST_SHARED_OUTER else 1
    share(work, cut(len(a), pieces), multiplies=False)
    return out

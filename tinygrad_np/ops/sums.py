"""Sums and means over many rows, exact where NumPy's lose digits (`kernels.sums`).

np.sum and np.mean of tensors have NumPy's values. These are for the library's own sums over a
batch: the cotangent of what was broadcast, the statistics of `batch_norm`.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import implements, primitive
from ..kernels import sums as kernels


@primitive(flops=lambda y, x, axes: x.size)
def sum_over(x, *, axes):
    """Σ x over some axes, which stay with length 1. Every element enters once: g, broadcast."""
    return kernels.sum_over(x, axes)


@primitive(flops=lambda y, x, axes: x.size)
def mean_over(x, *, axes):
    """The sum over some axes, which stay with length 1, divided by the number n of its terms.

    The VJP is g / n, broadcast.
    """
    wide = x.astype(np.result_type(x, np.float32), copy=False)  # half precision overflows sooner
    return (kernels.sum_over(wide, axes) / _count(x, axes)).astype(np.result_type(x, np.float16))


def _count(x, axes):
    return math.prod(np.shape(x)[axis] for axis in axes)


sum_over.defvjp(lambda g, y, x, axes: np.broadcast_to(g, x.shape))
mean_over.defvjp(lambda g, y, x, axes: np.broadcast_to(g / _count(x, axes), x.shape))
sum_over.uses = mean_over.uses = lambda i, use, y, x, axes: np.broadcast_to(use, x.shape)
implements(kernels.sum_over)(sum_over)

"""Elementwise functions that a network spends time on, of raw arrays."""

from __future__ import annotations

import numpy as np

from .choice import or_compiled
from .matmul import column_sums
from .memory import empty

__all__ = ["bias_relu", "relu", "where_positive", "where_positive_and_sums"]


@or_compiled
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0); NaN stays NaN."""
    return np.maximum(x, 0, out=empty(x.shape, x.dtype))


@or_compiled
def where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g where y > 0, and 0 elsewhere."""
    return np.multiply(g, y > 0, out=empty(g.shape, g.dtype))


@or_compiled
def bias_relu(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """max(x + bias, 0) for a bias that has the length of the last axis of x; NaN stays NaN."""
    y = np.add(x, bias, out=empty(x.shape, np.result_type(x, bias)))
    return np.maximum(y, 0, out=y)


@or_compiled
def where_positive_and_sums(g: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`where_positive(g, y)`, and its sums over all axes but the last."""
    dx = where_positive(g, y)
    return dx, column_sums(dx.reshape(-1, dx.shape[-1]))

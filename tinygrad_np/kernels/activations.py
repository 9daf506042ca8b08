"""Elementwise functions that a network spends time on, of raw arrays."""

from __future__ import annotations

import numpy as np

from .choice import or_compiled
from .memory import empty

__all__ = ["relu", "where_positive"]


@or_compiled
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0); NaN stays NaN."""
    return np.maximum(x, 0, out=empty(x.shape, x.dtype))


@or_compiled
def where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g where y > 0, and 0 elsewhere."""
    return np.multiply(g, y > 0, out=empty(g.shape, g.dtype))

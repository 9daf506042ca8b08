"""Softmax and cross-entropy in one, of raw arrays with the classes along the last axis."""

from __future__ import annotations

import numpy as np

from .choice import or_compiled
from .memory import empty

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_gradient"]


@or_compiled
def softmax_cross_entropy(logits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each example's loss Σ_k p_k (log Σ_j e^z_j - z_k), whose terms with p_k = 0 are 0."""
    shifted = logits - np.maximum.reduce(logits, -1, keepdims=True)  # so that nothing overflows
    total = np.add.reduce(np.exp(shifted), -1, keepdims=True)
    terms = np.where(probabilities, np.subtract(np.log(total), shifted, out=shifted), 0)
    terms *= probabilities
    return np.add.reduce(terms, -1)


@or_compiled
def softmax_cross_entropy_gradient(
    g: np.ndarray, logits: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """The cotangent g (softmax(z)_k Σ_j p_j - p_k) of the logits, for the cotangent g of losses."""
    top = np.maximum.reduce(logits, -1, keepdims=True)
    dz = np.subtract(logits, top, out=empty(logits.shape, logits.dtype))
    np.exp(dz, out=dz)
    dz *= np.add.reduce(probabilities, -1, keepdims=True) / np.add.reduce(dz, -1, keepdims=True)
    dz -= probabilities
    dz *= g[..., None]
    return dz

"""Softmax cross-entropy in one pass over each example."""

from __future__ import annotations

import math

import numpy as np

from ..memory import empty
from .simd import jit


def softmax_cross_entropy(logits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    classes = logits.shape[-1]
    losses = np.empty(logits.shape[:-1], logits.dtype)
    _losses(losses.reshape(-1), logits.reshape(-1, classes), probabilities.reshape(-1, classes))
    return losses


def softmax_cross_entropy_gradient(
    g: np.ndarray, logits: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    dz, classes = empty(logits.shape, logits.dtype), logits.shape[-1]
    rows = (array.reshape(-1, classes) for array in (dz, logits, probabilities))
    _gradient(np.ascontiguousarray(g).reshape(-1), *rows)  # the mean's is one number, repeated
    return dz


@jit
def _losses(losses, logits, probabilities):
    zero = logits.dtype.type(0)
    for i in range(len(losses)):
        z, p = logits[i], probabilities[i]
        top, total, loss = z[0], zero, zero
        for k in range(z.size):
            top = z[k] if z[k] > top else top
        for k in range(z.size):
            total += math.exp(z[k] - top)
        total = math.log(total)
        for k in range(z.size):
            if p[k] != zero:
                loss += p[k] * (total - (z[k] - top))
        losses[i] = loss


@jit
def _gradient(g, dz, logits, probabilities):
    zero = logits.dtype.type(0)
    for i in range(len(g)):
        z, p, out = logits[i], probabilities[i], dz[i]
        top, total, wanted = z[0], zero, zero
        for k in range(z.size):
            top = z[k] if z[k] > top else top
        for k in range(z.size):
            e = math.exp(z[k] - top)
            out[k] = e
            total += e
            wanted += p[k]
        scale = wanted / total
        for k in range(z.size):
            out[k] = g[i] * (out[k] * scale - p[k])

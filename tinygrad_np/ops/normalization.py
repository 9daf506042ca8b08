"""Normalization, dropout and flattening: compositions of simpler operations."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arguments import INTEGER, NOT_NEGATIVES, OPTIONAL_GENERATOR, checked
from ..core.primitive import plain
from .sums import mean_over


@checked()
def flatten(x):
    """All axes but the first made one: (N, ...) to (N, features), as Keras's `Flatten`.

    >>> flatten(np.zeros((2, 3, 4))).shape
    (2, 12)
    """
    if np.ndim(x) < 1:
        raise ValueError("flatten: x needs a batch axis, a scalar came")
    return np.reshape(x, (np.shape(x)[0], math.prod(np.shape(x)[1:])))


@checked(rng=OPTIONAL_GENERATOR)
def dropout(x, rate, rng):
    """Zero each element with probability `rate`, and scale the others by 1 / (1 - rate).

    The expected value stays the same, so nothing needs scaling when the network is used. The VJP
    is g times the same mask.

    Args:
        x: any shape.
        rate: probability of zero, 0 ≤ rate < 1. A rate of 0 makes this the identity, which draws
            nothing, as in Keras.
        rng: an `np.random.Generator`, or None, which makes this the identity.

    Raises:
        ValueError: for a rate out of range.
        TypeError: for an rng that is neither.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    >>> dropout(np.ones(4), 0.5, np.random.default_rng(0))
    array([2., 2., 2., 0.])
    """
    if rng is None or rate == 0:
        return x
    kept = rng.random(np.shape(x), np.float32) >= rate
    return x * (kept.astype(np.result_type(plain(x), 1.0)) / (1 - rate))


@checked(axis=INTEGER, epsilon=NOT_NEGATIVES)
def batch_norm(x, gamma=None, beta=None, *, mean=None, variance=None, axis=-1, epsilon=1e-3):
    """gamma · (x - mean) / √(variance + epsilon) + beta, for each feature.

    Args:
        x: (N, ..., features).
        gamma, beta: (features,), or None for 1 and 0.
        mean, variance: (features,) kept from training; computed from x itself where None, over
            all axes but `axis`.
        axis: where the features are.
        epsilon: keeps the root away from 0; Keras's default.

    Raises:
        ValueError: for a parameter of the wrong shape, an axis that x lacks, or an empty x.

    Ioffe, Szegedy, "Batch normalization" (2015); like Keras's `BatchNormalization`.

    >>> batch_norm(np.array([[1.0], [3.0]]), epsilon=0.0)
    array([[-1.],
           [ 1.]])
    """
    axis = normalize_axis_index(axis, np.ndim(x), "batch_norm")
    others = tuple(i for i in range(np.ndim(x)) if i != axis)
    return _normalize("batch_norm", x, axis, others, epsilon, gamma, beta, mean, variance)


@checked(axis=INTEGER, epsilon=NOT_NEGATIVES)
def layer_norm(x, gamma=None, beta=None, *, axis=-1, epsilon=1e-3):
    """gamma · (x - mean) / √(variance + epsilon) + beta, with each example's own statistics.

    Args:
        x: (..., features).
        gamma, beta: (features,), or None for 1 and 0.
        axis: the axis that is normalized.
        epsilon: keeps the root away from 0; Keras's default.

    Raises:
        ValueError: for a parameter of the wrong shape, an axis that x lacks, or an empty x.

    Ba, Kiros, Hinton, "Layer normalization" (2016); like Keras's `LayerNormalization`.

    >>> layer_norm(np.array([[1.0, 3.0]]), epsilon=0.0)
    array([[-1.,  1.]])
    """
    axis = normalize_axis_index(axis, np.ndim(x), "layer_norm")
    return _normalize("layer_norm", x, axis, (axis,), epsilon, gamma, beta)


def _normalize(name, x, axis, over, epsilon, gamma, beta, mean=None, variance=None):
    """Normalize `over` some axes; the given statistics and parameters lie along `axis`."""
    n = np.shape(x)[axis]

    def along_axis(what, values):
        if np.shape(values) != (n,):
            raise ValueError(
                f"{name}: {what} must have shape ({n},), it has {np.shape(values)} "
                f"(x {np.shape(x)}, axis {axis})"
            )
        return np.reshape(values, [n if i == axis else 1 for i in range(np.ndim(x))])

    if np.size(x) == 0:
        raise ValueError(f"{name}: x is empty, it has shape {np.shape(x)}")
    mean = mean_over(x, axes=over) if mean is None else along_axis("mean", mean)
    centred = x - mean
    if variance is None:
        variance = mean_over(np.square(centred), axes=over)
    else:
        variance = along_axis("variance", variance)
    y = centred / np.sqrt(variance + epsilon)
    if gamma is not None:
        y = y * along_axis("gamma", gamma)
    return y if beta is None else y + along_axis("beta", beta)

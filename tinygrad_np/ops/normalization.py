"""Normalization, dropout and flattening: compositions of simpler operations."""

from __future__ import annotations

import numpy as np

from ..core.primitive import plain


def flatten(x):
    """All axes but the first made one: (N, ...) to (N, features), as Keras's `Flatten`.

    >>> flatten(np.zeros((2, 3, 4))).shape
    (2, 12)
    """
    if np.ndim(x) < 1:
        raise ValueError("flatten: x needs a batch axis, a scalar came")
    return np.reshape(x, (np.shape(x)[0], int(np.prod(np.shape(x)[1:]))))


def dropout(x, rate, rng):
    """Zero each element with probability `rate`, and scale the others by 1 / (1 - rate).

    The expected value stays the same, so nothing needs scaling when the network is used. The VJP
    is g times the same mask.

    Args:
        x: any shape.
        rate: probability of zero, 0 ≤ rate < 1.
        rng: an `np.random.Generator`, or None, which makes this the identity.

    Raises:
        ValueError: for a rate out of range.
        TypeError: for an rng that is neither.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    >>> dropout(np.ones(4), 0.5, np.random.default_rng(0))
    array([2., 0., 0., 0.])
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be at least 0 and below 1, it is {rate}")
    if rng is None or rate == 0:
        return x
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"dropout: rng must be an np.random.Generator or None, it is {rng!r}")
    dtype = plain(x).dtype
    kept = rng.random(np.shape(x), np.float64 if dtype == np.float64 else np.float32) >= rate
    return x * (kept.astype(dtype) / dtype.type(1 - rate))


def batch_norm(x, gamma=None, beta=None, *, mean=None, variance=None, axis=-1, epsilon=1e-3):
    """gamma · (x - mean) / √(variance + epsilon) + beta, for each feature.

    Args:
        x: (N, ..., features).
        gamma, beta: (features,), or None for 1 and 0.
        mean, variance: (features,) kept from training; computed from x itself where None, over
            all axes but `axis`.
        axis: where the features are.
        epsilon: keeps the root away from 0; Keras's default.

    Ioffe, Szegedy, "Batch normalization" (2015); like Keras's `BatchNormalization`.

    >>> batch_norm(np.array([[1.0], [3.0]]), epsilon=0.0)
    array([[-1.],
           [ 1.]])
    """
    axis %= np.ndim(x)
    others = tuple(i for i in range(np.ndim(x)) if i != axis)
    shape = [n if i == axis else 1 for i, n in enumerate(np.shape(x))]
    mean = np.mean(x, axis=others, keepdims=True) if mean is None else np.reshape(mean, shape)
    centred = x - mean
    if variance is None:
        variance = np.mean(np.square(centred), axis=others, keepdims=True)
    return _scale_and_shift(centred, np.reshape(variance, shape), gamma, beta, shape, epsilon)


def layer_norm(x, gamma=None, beta=None, *, axis=-1, epsilon=1e-3):
    """gamma · (x - mean) / √(variance + epsilon) + beta, with each example's own statistics.

    Args:
        x: (..., features).
        gamma, beta: (features,), or None for 1 and 0.
        axis: the axis that is normalized.
        epsilon: keeps the root away from 0; Keras's default.

    Ba, Kiros, Hinton, "Layer normalization" (2016); like Keras's `LayerNormalization`.

    >>> layer_norm(np.array([[1.0, 3.0]]), epsilon=0.0)
    array([[-1.,  1.]])
    """
    axis %= np.ndim(x)
    shape = [n if i == axis else 1 for i, n in enumerate(np.shape(x))]
    centred = x - np.mean(x, axis=axis, keepdims=True)
    variance = np.mean(np.square(centred), axis=axis, keepdims=True)
    return _scale_and_shift(centred, variance, gamma, beta, shape, epsilon)


def _scale_and_shift(centred, variance, gamma, beta, shape, epsilon):
    y = centred / np.sqrt(variance + epsilon)
    if gamma is not None:
        y = y * np.reshape(gamma, shape)
    if beta is not None:
        y = y + np.reshape(beta, shape)
    return y

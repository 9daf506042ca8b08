"""Losses: how wrong a batch of predictions is, as one number.

All take predictions first and labels or targets second, and reduce the losses of the examples by
`reduction`: their "mean" (default), their "sum", or "none".
"""

from __future__ import annotations

import numpy as np

from ..core.primitive import plain, primitive
from ..core.tensor import Tensor
from .activations import log_softmax, sigmoid, softmax
from .embedding import one_hot


@primitive
def _softmax_cross_entropy(logits, probabilities, axis=-1):
    """Each example's loss -Σ_k p_k log softmax(z)_k = log Σ_k e^z_k - Σ_k p_k z_k, for Σ p = 1.

    The derivative with respect to z_k is softmax(z)_k Σ p - p_k: the predicted minus the wanted
    probabilities. With respect to p_k it is -log softmax(z)_k.
    """
    return -np.sum(probabilities * log_softmax(logits, axis=axis), axis=axis)


_softmax_cross_entropy.name = "softmax_cross_entropy"
_softmax_cross_entropy.defvjp(
    lambda g, y, z, p, axis=-1: np.expand_dims(g, axis)
    * (softmax(z, axis=axis) * np.sum(p, axis=axis, keepdims=True) - p),
    lambda g, y, z, p, axis=-1: -np.expand_dims(g, axis) * log_softmax(z, axis=axis),
)


def softmax_cross_entropy(logits, labels, *, axis=-1, label_smoothing=0.0, reduction="mean"):
    """Cross-entropy between softmax(logits) and the labels: -Σ_k p_k log softmax(logits)_k.

    Softmax and logarithm are taken together, so that nothing overflows. The gradient with respect
    to the logits is softmax(logits) - p, for each example.

    Args:
        logits: (..., classes), with the classes along `axis`.
        labels: class numbers (...,), integers from 0; or probabilities shaped like the logits.
        label_smoothing: s replaces p by (1 - s) p + s / classes.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for a label out of range, shapes that don't fit, an empty batch, or a
            reduction of another name.

    Behaves like Keras's `CategoricalCrossentropy(from_logits=True)` and its sparse twin.

    >>> float(softmax_cross_entropy(np.zeros((2, 10)), np.array([3, 7])).round(4))
    2.3026
    """
    shape = np.shape(logits)
    if not shape:
        raise ValueError("softmax_cross_entropy: logits need a class axis, a scalar came")
    axis = range(len(shape))[axis]
    classes = shape[axis]
    values = labels if isinstance(labels, Tensor) else np.asarray(labels)
    if np.shape(values) == shape and values.dtype.kind in "fc":
        probabilities = values
    else:
        expected = shape[:axis] + shape[axis + 1 :]
        if values.dtype.kind not in "iu" or values.shape != expected:
            raise ValueError(
                f"softmax_cross_entropy: labels must be integers of shape {expected} or "
                f"probabilities of shape {shape}, they are {values.dtype} of shape {values.shape}"
            )
        probabilities = np.moveaxis(one_hot(plain(values), classes, _dtype(logits)), -1, axis)
    if label_smoothing:
        probabilities = probabilities * (1 - label_smoothing) + label_smoothing / classes
    losses = _softmax_cross_entropy(_as_array(logits), probabilities, axis=axis)
    return _reduce("softmax_cross_entropy", losses, reduction)


@primitive
def _sigmoid_cross_entropy(logits, labels):
    """Each element's loss -p log s(z) - (1 - p) log(1 - s(z)) = max(z, 0) - z p + log(1 + e^-|z|).

    The derivative with respect to z is s(z) - p; with respect to p it is -z.
    """
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


_sigmoid_cross_entropy.name = "sigmoid_cross_entropy"
_sigmoid_cross_entropy.defvjp(
    lambda g, y, z, p: g * (sigmoid(z) - p),
    lambda g, y, z, p: -g * z,
)


def sigmoid_cross_entropy(logits, labels, *, reduction="mean"):
    """Cross-entropy between sigmoid(logits) and labels in [0, 1], elementwise.

    Args:
        logits, labels: of the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ValueError: for different shapes, an empty batch, or a reduction of another name.

    >>> float(sigmoid_cross_entropy(np.zeros(3), np.array([0.0, 1.0, 0.5])).round(4))
    0.6931
    """
    _same_shape("sigmoid_cross_entropy", logits, labels)
    labels = labels if isinstance(labels, Tensor) else np.asarray(labels, _dtype(logits))
    losses = _sigmoid_cross_entropy(_as_array(logits), labels)
    return _reduce("sigmoid_cross_entropy", losses, reduction)


def mean_squared_error(predictions, targets, *, reduction="mean"):
    """(prediction - target)², averaged over the last axis to give each example's loss.

    >>> float(mean_squared_error(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])))
    2.5
    """
    _same_shape("mean_squared_error", predictions, targets)
    return _reduce("mean_squared_error", _last_mean(np.square(predictions - targets)), reduction)


def huber(predictions, targets, *, delta=1.0, reduction="mean"):
    """e² / 2 where |e| ≤ delta, delta · |e| - delta² / 2 beyond, averaged over the last axis.

    Huber, "Robust estimation of a location parameter" (1964); like Keras's `Huber`.

    >>> float(huber(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]])))
    1.3125
    """
    _same_shape("huber", predictions, targets)
    size = np.abs(predictions - targets)
    inner = np.minimum(size, delta)
    return _reduce("huber", _last_mean(inner * (size - 0.5 * inner)), reduction)


def kl_divergence(predictions, targets, *, axis=-1, reduction="mean"):
    """Σ p log(p / q) along an axis, for predicted probabilities q and wanted ones p; 0 log 0 = 0.

    >>> float(kl_divergence(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).round(4))
    0.6931
    """
    _same_shape("kl_divergence", predictions, targets)
    logarithm = np.log(np.where(np.equal(targets, 0), 1, targets))
    terms = targets * (logarithm - np.log(np.where(np.equal(targets, 0), 1, predictions)))
    return _reduce("kl_divergence", np.sum(terms, axis=axis), reduction)


def _as_array(x):
    return x if isinstance(x, Tensor) else np.asarray(x)


def _dtype(x):
    return np.result_type(plain(x), np.float16) if _as_array(x).dtype.kind != "f" else x.dtype


def _last_mean(losses):
    return np.mean(losses, axis=-1) if np.ndim(losses) else losses


def _same_shape(name, predictions, targets):
    if np.shape(predictions) != np.shape(targets):
        raise ValueError(
            f"{name}: predictions and targets must have the same shape "
            f"({np.shape(predictions)} and {np.shape(targets)})"
        )


def _reduce(name, losses, reduction):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction must be "mean", "sum" or "none", it is {reduction!r}')
    if np.size(losses) == 0:
        raise ValueError(f"{name}: the batch is empty (losses of shape {np.shape(losses)})")
    return losses if reduction == "none" else np.mean(losses) if reduction == "mean" else np.sum(losses)

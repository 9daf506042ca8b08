"""Losses: how wrong a batch of predictions is, as one number.

All take predictions first and labels or targets second, and reduce the losses of the examples by
`reduction`: their "mean" (default), their "sum", or "none".
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arguments import checked
from ..core.primitive import primitive
from ..core.tensor import Tensor
from ..kernels import losses as kernels
from .activations import log_softmax, sigmoid, softmax
from .embedding import one_hot


@primitive(name="softmax_cross_entropy")
def _softmax_cross_entropy(logits, probabilities):
    """Each example's loss -Σ_k p_k log softmax(z)_k = log Σ_k e^z_k - Σ_k p_k z_k, for Σ p = 1.

    The derivative with respect to z_k is softmax(z)_k Σ p - p_k: the predicted minus the wanted
    probabilities. With respect to p_k it is -log softmax(z)_k. Where p_k is 0 its term is 0, also
    for z_k = -∞, which rules a class out.
    """
    return kernels.softmax_cross_entropy(logits, probabilities)


@primitive
def softmax_cross_entropy_gradient(g, logits, probabilities):
    """d_k = g (s_k Σ p - p_k) with s = softmax(z): the VJP of the cross-entropy of logits z.

    For a cotangent h of d let m = Σ_k s_k h_k. As ds_k/dz_i = s_k ([k = i] - s_i), the VJPs are
    Σ_k h_k d_k / g = m Σ p - Σ_k p_k h_k for g, g Σ p · s_i (h_i - m) for z_i and
    Σ_k h_k g (s_k - [k = j]) = g (m - h_j) for p_j.
    """
    return kernels.softmax_cross_entropy_gradient(g, logits, probabilities)


_softmax_cross_entropy.defvjp(
    lambda g, y, z, p: softmax_cross_entropy_gradient(g, z, p),
    lambda g, y, z, p: -g[..., None] * log_softmax(z),
)


def _centred(h, s):
    return h - np.sum(s * h, axis=-1, keepdims=True)


def _gradient_logits_vjp(h, d, g, z, p):
    s = softmax(z)
    return g[..., None] * np.sum(p, axis=-1, keepdims=True) * (s * _centred(h, s))


softmax_cross_entropy_gradient.defvjp(
    lambda h, d, g, z, p: np.sum(
        h * softmax_cross_entropy_gradient(np.ones_like(g), z, p), axis=-1
    ),
    _gradient_logits_vjp,
    lambda h, d, g, z, p: -g[..., None] * _centred(h, softmax(z)),
)


@checked()
def softmax_cross_entropy(logits, labels, *, axis=-1, label_smoothing=0.0, reduction="mean"):
    """Cross-entropy between softmax(logits) and the labels: -Σ_k p_k log softmax(logits)_k.

    Softmax and logarithm are taken together, so that nothing overflows. The gradient with respect
    to the logits is softmax(logits) - p, for each example.

    Args:
        logits: (..., classes), with the classes along `axis`.
        labels: class numbers (...,), integers from 0; or probabilities shaped like the logits.
        label_smoothing: s, from 0 to 1, replaces p by (1 - s) p + s / classes.
        reduction: "mean", "sum" or "none".

    Raises:
        TypeError: for logits or labels that are masked or not real.
        ValueError: for a label out of range, shapes that don't fit, an empty batch, or a
            reduction of another name.

    Behaves like Keras's `CategoricalCrossentropy(from_logits=True)` and its sparse twin.

    >>> float(softmax_cross_entropy(np.zeros((2, 10)), np.array([3, 7])).round(4))
    2.3026
    """
    name = "softmax_cross_entropy"
    logits, labels = _floating(logits), _array(labels)
    axis = normalize_axis_index(axis, logits.ndim, name)
    classes, examples = logits.shape[axis], logits.shape[:axis] + logits.shape[axis + 1 :]
    if labels.dtype.kind == "f" and labels.shape == logits.shape:
        probabilities = _last(labels.astype(logits.dtype, copy=False), axis)
    elif labels.dtype.kind in "iu" and labels.shape == examples:
        probabilities = one_hot(labels, classes, logits.dtype)
    else:
        raise ValueError(
            f"{name}: labels must be integers of shape {examples} or probabilities of shape "
            f"{logits.shape}, they are {labels.dtype} of shape {labels.shape}"
            + ("; one-hot labels must be floats" if labels.shape == logits.shape else "")
        )
    if label_smoothing:
        probabilities = probabilities * (1 - label_smoothing) + label_smoothing / classes
    losses = _softmax_cross_entropy(_last(logits, axis), probabilities)
    return _reduce(name, losses, reduction)


def _last(x, axis):
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


@primitive(name="sigmoid_cross_entropy")
def _sigmoid_cross_entropy(logits, labels):
    """Each element's loss -p log s(z) - (1 - p) log(1 - s(z)) = max(z, 0) - z p + log(1 + e^-|z|).

    The derivative with respect to z is s(z) - p; with respect to p it is -z.
    """
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


_sigmoid_cross_entropy.defvjp(
    lambda g, y, z, p: g * (sigmoid(z) - p),
    lambda g, y, z, p: -g * z,
)


@checked()
def sigmoid_cross_entropy(logits, labels, *, reduction="mean"):
    """Cross-entropy between sigmoid(logits) and labels in [0, 1], elementwise.

    Args:
        logits, labels: of the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        TypeError: for arrays that are masked or not real.
        ValueError: for different shapes, an empty batch, or a reduction of another name.

    >>> float(sigmoid_cross_entropy(np.zeros(3), np.array([0.0, 1.0, 0.5])).round(4))
    0.6931
    """
    name = "sigmoid_cross_entropy"
    return _reduce(name, _sigmoid_cross_entropy(*_pair(name, logits, labels)), reduction)


@checked()
def mean_squared_error(predictions, targets, *, reduction="mean"):
    """(prediction - target)², averaged over the last axis to give each example's loss.

    Arguments and errors as for `huber`; like Keras's `MeanSquaredError`.

    >>> float(mean_squared_error(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])))
    2.5
    """
    name = "mean_squared_error"
    predictions, targets = _pair(name, predictions, targets)
    return _reduce(name, _last_mean(np.square(predictions - targets)), reduction)


@checked()
def huber(predictions, targets, *, delta=1.0, reduction="mean"):
    """e² / 2 where |e| ≤ delta, delta · |e| - delta² / 2 beyond, averaged over the last axis.

    With c = e held between -delta and delta, both are c (e - c / 2).

    Args:
        predictions, targets: of the same shape, (..., features).
        delta: where the parabola turns into a line, positive.
        reduction: "mean", "sum" or "none".

    Raises:
        TypeError: for arrays that are masked or not real.
        ValueError: for different shapes, an empty batch, or a reduction of another name.

    Huber, "Robust estimation of a location parameter" (1964); like Keras's `Huber`.

    >>> float(huber(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]])))
    1.3125
    """
    predictions, targets = _pair("huber", predictions, targets)
    error = predictions - targets
    held = np.clip(error, -delta, delta)
    return _reduce("huber", _last_mean(held * (error - 0.5 * held)), reduction)


@checked()
def kl_divergence(predictions, targets, *, axis=-1, reduction="mean"):
    """Σ p log(p / q) along an axis, for predicted probabilities q and wanted ones p; 0 log 0 = 0.

    Arguments and errors as for `huber`; like Keras's `KLDivergence`, without its clipping.

    >>> float(kl_divergence(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).round(4))
    0.6931
    """
    predictions, targets = _pair("kl_divergence", predictions, targets)
    logarithm = np.log(np.where(np.equal(targets, 0), 1, targets))
    terms = targets * (logarithm - np.log(np.where(np.equal(targets, 0), 1, predictions)))
    return _reduce("kl_divergence", np.sum(terms, axis=axis), reduction)


def _array(x):
    return x if isinstance(x, Tensor) else np.asarray(x)


def _floating(x):
    x = _array(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _pair(name, predictions, targets):
    """Both as arrays of one dtype, that of the predictions."""
    predictions, targets = _floating(predictions), _array(targets)
    if predictions.shape != targets.shape:
        raise ValueError(
            f"{name}: predictions and labels or targets must have the same shape "
            f"({predictions.shape} and {targets.shape})"
        )
    if predictions.size == 0:
        raise ValueError(f"{name}: the batch is empty (predictions {predictions.shape})")
    return predictions, targets.astype(predictions.dtype, copy=False)


def _last_mean(losses):
    return np.mean(losses, axis=-1) if np.ndim(losses) else losses


def _reduce(name, losses, reduction):
    if losses.size == 0:
        raise ValueError(f"{name}: the batch is empty (losses of shape {losses.shape})")
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)

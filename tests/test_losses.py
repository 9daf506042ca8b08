"""Losses, held against Keras in float64."""

from functools import partial

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import agrees_with_tensorflow, holds, single

rng = np.random.default_rng(2)
LOGITS = rng.normal(size=(4, 5)) * 3
LABELS = rng.integers(0, 5, 4)
PROBABILITIES = rng.dirichlet(np.ones(5), 4)

LOSSES = {
    "class numbers": (lambda z, **p: tg.softmax_cross_entropy(z, LABELS, **p), LOGITS),
    "probabilities": (tg.softmax_cross_entropy, LOGITS, PROBABILITIES),
    "smoothed": (partial(tg.softmax_cross_entropy, label_smoothing=0.2), LOGITS, PROBABILITIES),
    "classes along the first axis": (
        lambda z, **p: tg.softmax_cross_entropy(z, LABELS, axis=0, **p),
        LOGITS.T,
    ),
    "sigmoid": (tg.sigmoid_cross_entropy, LOGITS, PROBABILITIES),
    "squared error": (tg.mean_squared_error, LOGITS, PROBABILITIES),
    "huber": (partial(tg.huber, delta=0.7), LOGITS, PROBABILITIES),
    "kl_divergence": (tg.kl_divergence, PROBABILITIES, PROBABILITIES[::-1]),
}
CASES = {
    f"{name} {reduction}": (partial(f, reduction=reduction), *args)
    for name, (f, *args) in LOSSES.items()
    for reduction in ("mean", "sum", "none")
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_and_dtypes(name):
    f, *args = CASES[name]
    holds(f, *args)
    assert f(*map(single, args)).dtype == np.float32


@pytest.mark.parametrize("loss", [tg.mean_squared_error, tg.huber, tg.sigmoid_cross_entropy])
def test_targets_of_any_dtype_leave_the_loss_in_that_of_the_predictions(loss):
    predictions = LOGITS.astype(np.float32)
    for targets in (LOGITS > 0, (LOGITS > 0).astype(int), PROBABILITIES, PROBABILITIES.tolist()):
        assert loss(predictions, targets).dtype == np.float32
    assert tg.softmax_cross_entropy(predictions, PROBABILITIES).dtype == np.float32
    assert tg.softmax_cross_entropy(predictions, LABELS.astype(np.uint8)).dtype == np.float32


def test_cross_entropy_has_derivatives_of_third_order():
    tg.check_grads(tg.softmax_cross_entropy, (LOGITS, PROBABILITIES), order=3)


REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}
KERAS_LOSSES = {
    "class numbers": ("SparseCategoricalCrossentropy", {"from_logits": True}),
    "probabilities": ("CategoricalCrossentropy", {"from_logits": True}),
    "smoothed": ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    "classes along the first axis": ("CategoricalCrossentropy", {"from_logits": True, "axis": 0}),
    "sigmoid": ("BinaryCrossentropy", {"from_logits": True}),
    "squared error": ("MeanSquaredError", {}),
    "huber": ("Huber", {"delta": 0.7}),
    "kl_divergence": ("KLDivergence", {}),
}
KERAS_LABELS = {"class numbers": LABELS, "classes along the first axis": np.eye(5)[LABELS].T}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_keras(name, reduction):
    keras = pytest.importorskip("keras")
    f, *args = LOSSES[name]
    kind, options = KERAS_LOSSES[name]
    loss = getattr(keras.losses, kind)(**options, reduction=REDUCTIONS[reduction], dtype="float64")
    labels = KERAS_LABELS.get(name)

    def reference(predictions, targets=labels):
        if name == "sigmoid":  # of which Keras takes the mean over the last axis
            predictions, targets = predictions[..., None], targets[..., None]
        return loss(targets, predictions)

    agrees_with_tensorflow(partial(f, reduction=reduction), reference, *args)


@pytest.mark.parametrize("z", [-1000.0, 1000.0])
def test_losses_keep_their_head_far_out(z):
    with np.errstate(all="raise", under="ignore"):
        for loss in (
            lambda z: tg.sigmoid_cross_entropy(z, np.array([0.0, 1.0])),
            lambda z: tg.softmax_cross_entropy(z, np.array(0)),
        ):
            value, gradient = tg.value_and_grad(loss)(np.array([z, -z]))
            assert value in (0.0, 1000.0, 2000.0)
            assert np.abs(gradient).max() in (0.0, 0.5, 1.0)


def test_impossible_classes_drop_out_of_the_loss():
    logits = np.array([[0.0, -np.inf, 0.0]])
    value, gradient = tg.value_and_grad(tg.softmax_cross_entropy)(logits, np.array([0]))
    assert value == np.log(2)
    np.testing.assert_array_equal(gradient, [[-0.5, 0.0, 0.5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("examples", [1, 500])  # 500 in compiled code
def test_a_nan_among_the_logits_shows_in_its_example_alone(examples, dtype):
    logits = np.zeros((examples, 20), dtype)
    logits[-1, 3] = np.nan
    labels = np.full(examples, 7)
    losses = tg.softmax_cross_entropy(logits, labels, reduction="none")
    gradient = tg.grad(lambda z: tg.softmax_cross_entropy(z, labels, reduction="sum"))(logits)
    assert losses.dtype == gradient.dtype == dtype
    for found in losses, gradient:
        assert np.isnan(found[-1]).all()
        assert np.isfinite(found[:-1]).all()


def test_huber_is_a_parabola_through_zero():
    curvature = tg.grad(tg.grad(lambda x: tg.huber(x, 0.0)))
    assert [curvature(x) for x in (-2.0, -0.5, 0.0, 0.5, 2.0)] == [0, 1, 1, 1, 0]


Z = np.zeros((2, 3))
ERRORS = {
    "label out of range": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0, 3])),
        *(ValueError, "label 3 is out of range, it must be from 0 to 2"),
    ),
    "labels as floats": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0.0, 1.0])),
        *(
            ValueError,
            r"labels must be integers of shape \(2,\) .* they are float64 of shape \(2,\)",
        ),
    ),
    "labels of another batch": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0, 1, 2])),
        *(ValueError, r"integers of shape \(2,\) or probabilities of shape \(2, 3\)"),
    ),
    "one-hot integers": (lambda: tg.softmax_cross_entropy(Z, Z.astype(int)), ValueError, "int64"),
    "no such axis": (
        lambda: tg.softmax_cross_entropy(Z, Z, axis=2),
        ValueError,
        "axis 2 is out of",
    ),
    "scalar logits": (
        lambda: tg.softmax_cross_entropy(0.0, 0),
        ValueError,
        "softmax_cross_entropy",
    ),
    "smoothing": (
        lambda: tg.softmax_cross_entropy(Z, Z, label_smoothing=2),
        *(ValueError, r"label_smoothing must be a number in \[0, 1\], got 2"),
    ),
    "empty batch": (
        lambda: tg.softmax_cross_entropy(Z[:0], Z[:0]),
        ValueError,
        "the batch is empty",
    ),
    "empty targets": (
        lambda: tg.huber(Z[0, :0], Z[0, :0]),
        ValueError,
        "huber: the batch is empty",
    ),
    "reduction": (
        lambda: tg.huber(Z, Z, reduction="avg"),
        ValueError,
        "reduction must be one of 'mean'",
    ),
    "shapes": (
        lambda: tg.mean_squared_error(Z, Z[0]),
        *(ValueError, r"mean_squared_error: .* same shape \(\(2, 3\) and \(3,\)\)"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_does_not_fit(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f()

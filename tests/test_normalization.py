"""Normalization, dropout and flattening, held against Keras in float64."""

from functools import partial

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import agrees_with_tensorflow, holds, single

rng = np.random.default_rng(2)
LOGITS = rng.normal(size=(4, 5)) * 3
IMAGES = rng.normal(size=(3, 2, 4, 5))
GAMMA, BETA, MEAN = rng.normal(size=(3, 5))
VARIANCE = rng.uniform(0.5, 2.0, 5)

CASES = {
    "flatten": (tg.flatten, IMAGES),
    "dropout": (lambda x: tg.dropout(x, 0.4, np.random.default_rng(3)), LOGITS),
    "batch_norm": (tg.batch_norm, IMAGES, GAMMA, BETA),
    "batch_norm with statistics": (
        lambda x, mean, variance: tg.batch_norm(x, mean=mean, variance=variance, epsilon=0.1),
        *(LOGITS, MEAN, VARIANCE),
    ),
    "layer_norm": (tg.layer_norm, LOGITS, GAMMA, BETA),
    "layer_norm over another axis": (lambda x: tg.layer_norm(x, axis=1), IMAGES),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_and_dtypes(name):
    f, *args = CASES[name]
    holds(f, *args)
    assert f(*map(single, args)).dtype == np.float32


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_keras(training):
    keras = pytest.importorskip("keras")
    layer = keras.layers.BatchNormalization(dtype="float64")
    layer.build(IMAGES.shape)
    layer.set_weights([GAMMA, BETA, MEAN, VARIANCE])
    given = {} if training else {"mean": MEAN, "variance": VARIANCE}
    agrees_with_tensorflow(
        lambda x: tg.batch_norm(x, GAMMA, BETA, **given), partial(layer, training=training), IMAGES
    )


def test_layer_norm_is_keras():
    keras = pytest.importorskip("keras")
    layer = keras.layers.LayerNormalization(dtype="float64")
    layer.build(IMAGES.shape)
    layer.set_weights([GAMMA, BETA])
    agrees_with_tensorflow(lambda x: tg.layer_norm(x, GAMMA, BETA), layer, IMAGES)


def test_dropout_repeats_with_the_generator_and_keeps_the_mean():
    x = np.ones((200, 500), np.float32)
    drop = lambda x: tg.dropout(x, 0.3, np.random.default_rng(5))  # noqa: E731
    dropped = drop(x)
    np.testing.assert_array_equal(dropped, drop(x), strict=True)
    np.testing.assert_array_equal(np.unique(dropped), np.array([0, 1 / 0.7], np.float32))
    assert abs(dropped.mean() - 1) < 5 * np.sqrt(0.3 / 0.7 / x.size)
    np.testing.assert_array_equal(tg.vjp(drop, x)[1](x)[0], dropped)  # the same mask


def test_dropout_without_a_generator_is_the_identity():
    assert tg.dropout(LOGITS, 0.5, None) is LOGITS


def test_dropout_of_rate_zero_is_the_identity_and_leaves_the_generator_alone():
    rng = np.random.default_rng(0)
    assert tg.dropout(LOGITS, 0.0, rng) is LOGITS
    assert rng.random() == np.random.default_rng(0).random()


Z = np.zeros((2, 3))
ERRORS = {
    "rate": (lambda: tg.dropout(Z, 1.0, None), ValueError, r"rate must be a number in \[0, 1\)"),
    "seed": (lambda: tg.dropout(Z, 0.5, 3), TypeError, "rng must be None or a numpy.random.Gen"),
    "flatten": (lambda: tg.flatten(1.0), ValueError, "flatten: x needs a batch axis"),
    "gamma": (lambda: tg.batch_norm(Z, np.ones(2)), ValueError, r"batch_norm: gamma .* \(3,\)"),
    "axis": (lambda: tg.layer_norm(Z, axis=2), ValueError, "layer_norm: axis 2"),
    "empty x": (lambda: tg.batch_norm(Z[:0]), ValueError, "batch_norm: x is empty"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_does_not_fit(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f()

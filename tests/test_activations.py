"""Activations, held against Keras in float64."""

import math
from functools import partial

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import agrees_with_tensorflow, holds, single
from tinygrad_np.kernels import choice
from tinygrad_np.kernels.erf import erf

rng = np.random.default_rng(2)
LOGITS = rng.normal(size=(4, 5)) * 3
IMAGES = rng.normal(size=(3, 2, 4, 5))

ACTIVATIONS = {
    "relu": tg.relu,
    "leaky_relu": tg.leaky_relu,
    "elu": tg.elu,
    "selu": tg.selu,
    "gelu": tg.gelu,
    "silu": tg.silu,
    "sigmoid": tg.sigmoid,
    "softplus": tg.softplus,
    "softsign": tg.softsign,
    "hard_sigmoid": tg.hard_sigmoid,
    "hard_swish": tg.hard_swish,
    "mish": tg.mish,
    "softmax": tg.softmax,
    "log_softmax": tg.log_softmax,
}
CASES = {name: (f, LOGITS) for name, f in ACTIVATIONS.items()} | {
    "leaky_relu with a slope": (partial(tg.leaky_relu, negative_slope=0.3), LOGITS),
    "elu with an alpha": (partial(tg.elu, alpha=1.7), LOGITS),
    "gelu by tanh": (partial(tg.gelu, approximate=True), LOGITS),
    "bias_relu": (tg.bias_relu, IMAGES, LOGITS[0]),
    "bias_relu of a vector": (tg.bias_relu, LOGITS[0], LOGITS[1]),
    "bias_relu without a bias": (tg.bias_relu, LOGITS),
    "bias_relu of no rows": (tg.bias_relu, IMAGES[:, :0], IMAGES[0, 0, 0]),
    "bias_relu of no columns": (tg.bias_relu, LOGITS[:, :0], LOGITS[0, :0]),
    "softmax over axes": (partial(tg.softmax, axis=(1, 3)), IMAGES),
    "log_softmax over the first axis": (partial(tg.log_softmax, axis=0), LOGITS),
    "logsumexp": (tg.logsumexp, LOGITS),
    "logsumexp over axes": (partial(tg.logsumexp, axis=(0, -1), keepdims=True), IMAGES),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_and_dtypes(name):
    f, *args = CASES[name]
    holds(f, *args)
    assert f(*map(single, args)).dtype == np.float32


@pytest.mark.parametrize("name", [*ACTIVATIONS, "logsumexp", "gelu by tanh"])
def test_activations_are_keras(name):
    keras = pytest.importorskip("keras")
    references = {
        "logsumexp": keras.ops.logsumexp,
        "gelu by tanh": partial(keras.activations.gelu, approximate=True),
        "hard_swish": keras.activations.hard_silu,
    }
    reference = references.get(name) or getattr(keras.activations, name)
    # Keras holds the constants of these two in single precision.
    rtol = 1e-6 if name.startswith(("gelu", "leaky_relu")) else 1e-10
    agrees_with_tensorflow(CASES[name][0], reference, LOGITS, rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [3, 30])  # 30 in compiled code
@pytest.mark.parametrize("wanted", [0, 1, (0, 1), (1, 0)])
def test_bias_relu_is_relu_of_the_sum(wanted, size, dtype):
    x, g = rng.normal(size=(2, 4, size, size, 7)).astype(dtype)
    bias = rng.normal(size=7).astype(dtype)
    x[:, 0] = -bias  # the kink
    for seen, expected in zip(
        *(
            tg.tree.leaves(tg.value_and_grad(loss, argnums=wanted)(x, bias))
            for loss in (
                lambda x, bias: np.sum(g * tg.bias_relu(x, bias)),
                lambda x, bias: np.sum(g * tg.relu(x + bias)),
            )
        ),
        strict=True,
    ):
        assert seen.dtype == expected.dtype == dtype
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("size", [3, 5000])  # 5000 in compiled code
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_an_infinite_cotangent_is_stopped_too(size, dtype):
    g = np.full(size, np.inf, dtype)
    x = np.where(np.arange(size) % 2, 1, -1).astype(dtype)
    _, pull_back = tg.vjp(tg.relu, x)
    np.testing.assert_array_equal(pull_back(g)[0], np.where(x > 0, np.inf, 0))


def test_bias_relus_that_get_the_same_cotangent_have_their_own_gradients():
    arrays = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), rng.normal(size=5), LOGITS[0]

    def loss(x, y, bias, other, f):
        return np.sum(g * (f(x, bias) + f(y, other)))

    g = rng.normal(size=(3, 5))
    for argnums in ((0, 1, 2, 3), (0, 3), (2, 1), (2, 3)):
        gradient = tg.grad(loss, argnums)
        expected = gradient(*arrays, lambda x, bias: tg.relu(x + bias))
        for seen, value in zip(gradient(*arrays, tg.bias_relu), expected, strict=True):
            np.testing.assert_allclose(seen, value, atol=1e-14)


def test_bias_relu_names_a_bias_that_does_not_fit():
    for x, bias in ((LOGITS, LOGITS), (LOGITS, LOGITS[0, :3]), (LOGITS, 1.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match="bias_relu: bias must have the length of the last"):
            tg.bias_relu(x, bias)


def test_gelu_is_exact():
    tf = pytest.importorskip("tensorflow")
    agrees_with_tensorflow(tg.gelu, lambda x: x / 2 * (1 + tf.math.erf(x / np.sqrt(2))), LOGITS)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_is_right_to_2_units_in_the_last_place(dtype, fast, monkeypatch):
    if not fast:
        monkeypatch.setattr(choice, "available", lambda: False)
    tails = np.logspace(-40, 1, 4000)
    x = np.concatenate([np.linspace(-7, 7, 9001), tails, -tails, np.linspace(0.98, 1.02, 999)])
    x = np.asarray(x, dtype)
    y, expected = erf(x), np.array([math.erf(value) for value in x.tolist()])
    assert y.dtype == dtype
    assert np.all(np.abs(y - expected) <= 2 * np.abs(np.spacing(expected.astype(dtype))))
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(erf(special), [1, -1, np.nan, 0, 0])
    np.testing.assert_array_equal(np.signbit(erf(special[3:])), [False, True])


def test_gelu_takes_any_type_and_layout_and_refuses_complex_numbers():
    x = rng.normal(size=(30, 40, 50)).T[::-1]
    for dtype in (np.float16, np.float32, np.longdouble):
        single = x.astype(dtype)
        assert tg.gelu(single).dtype == tg.grad(lambda x: np.sum(tg.gelu(x)))(single).dtype == dtype
        tolerance = 2 * np.finfo(np.result_type(dtype, np.float16)).eps + 1e-15
        np.testing.assert_allclose(tg.gelu(single), tg.gelu(x), rtol=0, atol=4 * tolerance)
    np.testing.assert_array_equal(tg.gelu(x), tg.gelu(x.copy()))
    assert tg.gelu(1) == tg.gelu(1.0) == tg.gelu(np.array([1]))[0]
    with pytest.raises(TypeError, match=r"^gelu: x must be an array of real numbers"):
        tg.gelu(1j)


def test_gelu_is_straight_far_out():
    slope = tg.grad(lambda x: np.sum(tg.gelu(x)))
    x = np.array([-1e200, -50.0, 50.0, 1e200])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(slope(x), [0, 0, 1, 1])
        np.testing.assert_array_equal(tg.grad(lambda x: np.sum(slope(x)))(x), 0)


@pytest.mark.parametrize("name", ["relu", "elu", "hard_sigmoid", "softsign"])
def test_activations_have_keras_gradients_at_kinks(name):
    keras = pytest.importorskip("keras")
    reference = getattr(keras.activations, name)
    agrees_with_tensorflow(ACTIVATIONS[name], reference, np.array([-3.0, 0.0, 3.0]))


# Where an overflow, a NaN or a kink would show.


@pytest.mark.parametrize("name", [*ACTIVATIONS, "logsumexp", "gelu by tanh"])
def test_activations_keep_their_head_far_out(name):
    f = CASES[name][0]
    x = np.array([-1000.0, 0.5, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        for g in (
            f,
            tg.grad(lambda x: np.sum(f(x) ** 2)),
            tg.grad(lambda x: np.sum(f(x * [1, 1, -1]))),
        ):
            assert np.isfinite(g(x)).all()


def test_logsumexp_of_an_infinity_is_its_slope_of_one():
    np.testing.assert_array_equal(tg.grad(tg.logsumexp)(np.array([np.inf, 1.0])), [1, 0])


def test_approximate_gelu_of_a_large_number_is_the_number():
    np.testing.assert_array_equal(tg.grad(lambda x: tg.gelu(x, True))(1e200), 1)


def test_logsumexp_of_nothing_possible_is_minus_infinity():
    assert tg.logsumexp(np.full(3, -np.inf)) == -np.inf

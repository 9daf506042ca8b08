"""Sums over many rows: as exact in single precision as in double, up to the rounding at the end."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, makers
from tinygrad_np.kernels import threads
from tinygrad_np.kernels.sums import column_sums, sum_over
from tinygrad_np.ops import sums

N, P, U, C = makers(2)

CASES = {
    "sum_over": (lambda x: sums.sum_over(x, axes=(0, 2)), N(3, 2, 4)),
    "mean_over": (lambda x: sums.mean_over(x, axes=(0, 1)), C(3, 2, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, x = CASES[name]
    holds(f, x)
    function = np.sum if name == "sum_over" else np.mean
    axes = (0, 2) if name == "sum_over" else (0, 1)
    np.testing.assert_allclose(f(x), function(x, axes, keepdims=True), rtol=1e-14)


VALUES = {
    "constant": lambda rng, shape: np.full(shape, 0.1),  # whose rounding errors have one sign
    "positive": lambda rng, shape: rng.random(shape),
    "mixed": lambda rng, shape: rng.standard_normal(shape),
}
LAYOUTS = {
    "rows": lambda values, n, c: (values((n, c)), (0,)),
    "images": lambda values, n, c: (values((n // 16, 4, 4, c)), (0, 1, 2)),
    "channels first": lambda values, n, c: (values((n // 4, c, 4)), (0, 2)),
    "channels moved": lambda values, n, c: (
        np.moveaxis(values((n // 4, 2, 2, c)), 3, 1),
        (0, 2, 3),
    ),
    "columns": lambda values, n, c: (values((c, n)).T, (0,)),
    "transposed": lambda values, n, c: (values((n, c)).T, (1,)),
    "between": lambda values, n, c: (values((2, n, c)), (1,)),
    "reversed": lambda values, n, c: (values((n, c))[::-1], (0,)),
    "repeated": lambda values, n, c: (np.broadcast_to(values(c), (n, c)), (0,)),
    "all repeated": lambda values, n, c: (np.broadcast_to(values(c), (n, c)), (0, 1)),
}


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "c"), [(129 * 16, 10), (25_088, 64), (2**20, 2), (2**21, 1)])
def test_sums_in_single_precision_are_right_to_the_last_digit_but_one(layout, values, n, c):
    rng = np.random.default_rng(0)
    x, axes = LAYOUTS[layout](lambda shape: VALUES[values](rng, shape).astype(np.float32), n, c)
    y = sum_over(x, axes)
    exact = np.sum(x, axes, np.float64, keepdims=True)
    assert (y.shape, y.dtype) == (exact.shape, np.float32)
    scale = np.sum(np.abs(x), axes, np.float64, keepdims=True)
    assert np.all(np.abs(y - exact) <= 6e-7 * scale)


@pytest.mark.parametrize("dtype", ["f2", "f8", "g", "F", "D"])
@pytest.mark.parametrize("rows", [0, 1, 31, 128, 129, 4095, 100_000])
def test_sums_have_the_precision_of_their_type(rows, dtype):
    rng = np.random.default_rng(0)
    x = (rng.random((rows, 3)) / 64).astype(dtype)
    if x.dtype.kind == "c":
        x = x * (1 - 2j)
    y = column_sums(x)
    assert y.dtype == dtype
    wide = np.result_type(x, np.longdouble)
    np.testing.assert_allclose(
        y, np.sum(x, 0, wide), rtol=40 * np.finfo(dtype).eps if rows else 0, atol=0
    )


def test_other_types_and_shapes_are_numpys():
    for x, axes in (
        (np.arange(400).reshape(200, 2), (0,)),
        (np.ones((200, 3), bool), (0,)),
        (np.ones((200, 0)), (0,)),
        (np.ones((0, 200)), (1,)),
        (np.ones((200, 2)), ()),
        (np.ones((2, 300, 1, 5)), (1, 2)),
        (np.ones((300, 1, 5, 2)), (0, 2)),
    ):
        np.testing.assert_array_equal(
            sum_over(x, axes), np.sum(x, axes, keepdims=True), strict=True
        )


def test_the_same_number_of_threads_gives_the_same_bits():
    x = np.random.default_rng(0).standard_normal((2**20, 3)).astype(np.float32)
    before = threads.get_num_threads()
    try:
        for n in (1, 2, 3):
            threads.set_num_threads(n)
            np.testing.assert_array_equal(column_sums(x), column_sums(x))
    finally:
        threads.set_num_threads(before)


ROWS = 2**20
BIASED = {
    "x + b": lambda x, b: x + b,
    "b - x": lambda x, b: b - x,
    "images + b": lambda x, b: np.reshape(x, (-1, 4, 4, 2)) + b,
    "dense": lambda x, b: tg.dense(x, np.eye(2, dtype=x.dtype), b),
    "bias_relu": lambda x, b: tg.bias_relu(x, b),
    "conv2d": lambda x, b: tg.conv2d(
        np.reshape(x, (-1, 32, 32, 2)), np.ones((1, 1, 2, 2), x.dtype), b
    ),
    "batch_norm's beta": lambda x, b: tg.batch_norm(x, beta=b),
}


@pytest.mark.parametrize("name", BIASED)
def test_a_biass_gradient_is_right_for_a_million_rows(name):
    f, x, b = BIASED[name], np.ones((ROWS, 2), np.float32), np.ones(2, np.float32)
    x[: ROWS // 2] = 2
    gradient = tg.grad(lambda b: np.sum(f(x, b) * np.float32(0.1)))
    exact = ROWS * np.float64(np.float32(0.1))
    np.testing.assert_allclose(gradient(b), exact, rtol=1e-6)
    # and where the walk back is recorded
    value, _ = tg.value_and_grad(lambda b: np.sum(gradient(b) * b))(b)
    np.testing.assert_allclose(value, 2 * exact, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_batch_norm_is_right_for_a_million_rows_far_from_zero(dtype):
    mean = 4 if dtype == np.float16 else 100
    x = np.random.default_rng(0).normal(mean, 1, (ROWS, 2)).astype(dtype)
    gamma, g = np.ones(2, dtype), np.random.default_rng(1).random((ROWS, 2)).astype(dtype)
    eps = np.finfo(dtype).eps
    expected, pull_back = tg.vjp(tg.batch_norm, x.astype(float), gamma.astype(float))
    found = tg.batch_norm(x, gamma)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * mean * eps)
    if dtype == np.float32:
        dx, dgamma = tg.vjp(tg.batch_norm, x, gamma)[1](g)
        expected_dx, expected_dgamma = pull_back(g.astype(float))
        np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=2e-5)
        scale = np.sum(np.abs(g * expected), 0)
        assert np.all(np.abs(dgamma - expected_dgamma) < 1e-6 * scale + 2 * mean * eps * ROWS)

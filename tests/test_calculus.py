"""Differences, integrals and interpolation on tensors: NumPy's values, and their derivatives."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
X = np.array([0.0, 0.7, 1.0, 2.2, 3.0])  # coordinates
EVEN = np.arange(5.0)

CASES = {
    "diff": (lambda x: np.diff(x, 2, axis=0)[:, :2] + np.diff(x)[:2], N(4, 3)),
    "diff of order 0": (lambda x: np.diff(x, n=0) * 2, N(3)),
    "diff with ends": (lambda x, a, b: np.diff(x, 1, -1, a, b), N(2, 3), N(2, 1), N()),
    "diff of a list with an end": (lambda a: np.diff([1.0, 2.0], prepend=a), N()),
    "ediff1d": (np.ediff1d, N(2, 3)),
    "ediff1d with ends": (np.ediff1d, N(4), N(2), N()),
    "gradient": (np.gradient, N(5)),
    "gradients": (np.gradient, N(3, 4)),
    "gradient to second order": (lambda f: np.gradient(f, edge_order=2), N(4, 3)),
    "gradient along axes": (lambda f: np.gradient(f, axis=(-1, 0)), N(3, 2, 4)),
    "gradient of complex numbers": (lambda f: np.gradient(f, 0.5, axis=0), C(4, 2)),
    "gradient with one spacing": (lambda f, h: np.gradient(f, h), N(3, 4), P()),
    "gradient with spacings": (lambda f, h, k: np.gradient(f, h, k), N(3, 4), P(), P()),
    "gradient at coordinates": (np.gradient, N(5), X),
    "gradient at coordinates to second order": (
        lambda f, x, h: np.gradient(f, x, h, edge_order=2),
        *(N(5, 4), X, P()),
    ),
    "gradient at even coordinates": (lambda f, x: np.gradient(f, x, axis=1), N(2, 5), EVEN),
    "gradient at even coordinates to second order": (
        lambda f, x: np.gradient(f, x, axis=0, edge_order=2),
        *(N(5, 2), EVEN),
    ),
    "gradient of constants": (lambda x: np.gradient([1, 4, 9, 16, 25], x), X),
    "gradient of two points": (np.gradient, N(2, 2), np.array([0.0, 2.0]), P()),
    "gradient of nothing": (lambda f: np.gradient(f, axis=1), N(0, 3)),
    "trapezoid": (np.trapezoid, N(3, 4)),
    "trapezoid with a spacing": (lambda y, h: np.trapezoid(y, dx=h, axis=0), N(3, 4), P()),
    "trapezoid at coordinates": (lambda y, x: np.trapezoid(y, x, axis=1), N(2, 5, 3), X),
    "trapezoid at coordinates for each": (lambda y, x: np.trapezoid(y, x), N(2, 4), N(2, 4)),
    "trapezoid of a list": (lambda x: np.trapezoid([1, 2, 4, 8, 16], x), X),
    "trapezoid of one point, and of none": (
        lambda y: np.trapezoid(y, axis=0) + np.trapezoid(y[:, :0]),
        N(1, 1),
    ),
    "trapezoid of complex numbers": (np.trapezoid, C(4), C(4)),
    "interp": (np.interp, np.array([[0.2, 2.9], [-1.0, 3.5]]), X, N(5)),
    "interp with ends": (np.interp, np.array([-1.0, 0.3, 4.0]), X, N(5), N(), N()),
    "interp at a number": (np.interp, np.array(0.8), X, N(5)),
    "interp between constants": (lambda x: np.interp(x, [0, 1, 4], [5, 2, 3]), 3 * P(4)),
    "interp of constants": (lambda fp: np.interp([0.5, 2.5], X, fp=fp), N(5)),
    "interp at points": (lambda fp: np.interp(X, X, fp), N(5)),
    "interp of complex numbers": (np.interp, np.array([0.2, 2.9, 9.0]), X, C(5)),
    "interp with a period": (
        lambda x, xp, fp: np.interp(x, xp, fp, period=-2.5),
        *(np.array([-3.1, 0.1, 9.0]), np.array([0.9, 4.5, 0.2]), N(3)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_calculus(name):
    holds(*CASES[name])


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(3, 5), min_size=1, max_size=3),
    edge_order=st.sampled_from([1, 2]),
    even=st.booleans(),
    data=st.data(),
)
def test_gradient_along_any_axis(shape, edge_order, even, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    x = np.arange(n) / 2 if even else np.cumsum(P(n))
    holds(lambda f, x: np.gradient(f, x, axis=axis, edge_order=edge_order), N(*shape), x, order=1)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 5), order=st.integers(0, 3), ends=st.tuples(st.booleans(), st.booleans()))
def test_diff_of_any_order_and_length(n, order, ends):
    options = dict.fromkeys([*itertools.compress(("prepend", "append"), ends)], 2.0)
    holds(lambda x: np.diff(x, order, **options) * 1.0, N(n), order=1)


KINKS = {
    # name: (function, where, its gradient there)
    "interp at a point takes the slope to its right": (
        lambda x: np.sum(np.interp(x, [0, 1, 3], [0, 1, 7])),
        *(np.array([0.0, 1.0, 3.0]), [1, 3, 3]),
    ),
    "interp outside is level": (
        lambda x: np.sum(np.interp(x, [0, 1], [0, 1])),
        *(np.array([-1.0, 2.0]), [0, 0]),
    ),
    "interp at infinity": (
        lambda fp: np.sum(np.interp([-np.inf, 0.5, np.inf], [0, 1], fp)),
        *(np.array([1.0, 3.0]), [1.5, 1.5]),
    ),
    "gradient at unsigned coordinates that fall": (
        lambda f: np.gradient(f, np.array([4, 2, 1], np.uint8))[1],
        *(np.array([1.0, 2.0, 4.0]), [1 / 6, 1 / 2, -2 / 3]),
    ),
    "interp of one point": (lambda x: np.interp(x, [1], [5]), 1.0, 0.0),
    "interp at a jump": (
        lambda fp: np.interp(1.0, [0, 1, 1], fp) + np.interp(1.0, [0, 1, 1, 2], fp[[0, 1, 2, 2]]),
        *(np.array([1.0, 2.0, 4.0]), [0, 0, 2]),
    ),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks(name):
    f, x, expected = KINKS[name]
    with np.errstate(all="raise"):
        np.testing.assert_allclose(tg.grad(f)(x), expected, rtol=1e-15)


ERRORS = {
    "a spacing too many": (lambda t: np.gradient(t, 1.0, 2.0), TypeError, "2 spacings .* 1 axes"),
    "too few points": (lambda t: np.gradient(t[:2], edge_order=2), ValueError, "too small"),
    "a negative order": (lambda t: np.diff(t, -1), ValueError, r"np\.diff: n must not be negative"),
    "ends of another kind": (lambda t: np.ediff1d(t, 1j), TypeError, r"np\.ediff1d: ends"),
    "no period": (lambda t: np.interp(t, t, t, period=0), ValueError, "period must not be 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_numpy_refuses_is_refused(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

"""Norms of vectors and matrices, and condition numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import agrees_with_numpy, holds, makers, tensors

la = np.linalg
N, P, U, C = makers(2)
INVERTIBLE = N(2, 3, 3) + 3 * np.eye(3)
ORDERS = (1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc", None)

CASES = {
    "norm": (lambda x: la.norm(x) + la.norm(x, "fro", (0, 1), True), N(2, 3)),
    "norm of any array": (lambda x: la.norm(x, keepdims=True), N(2, 3, 2)),
    "norm of vectors": (lambda x: la.norm(x, axis=-1) + la.norm(x, 2, 0), N(3, 3)),
    "vector_norm": (la.vector_norm, N(3, 2)),
    "vector_norm over an axis": (lambda x: la.vector_norm(x, axis=1, keepdims=True), N(3, 2)),
    "vector_norm over axes": (lambda x: la.vector_norm(x, axis=(0, -1), ord=3), N(2, 3, 2)),
    "matrix_norm": (lambda x: [la.matrix_norm(x, ord=p, keepdims=True) for p in ORDERS], N(2, 3)),
    "cond": (la.cond, INVERTIBLE),
    "complex norms": (lambda z: [la.norm(z, p) for p in ORDERS], C(3, 3)),
    "complex norms of vectors": (
        lambda z: [la.norm(z, p, 0) for p in (1, 2, 3, -1, 4, np.inf)],
        C(3, 3),
    ),
    "complex cond": (lambda z: [la.cond(z), la.cond(z, 1)], C(3, 3)),
}
for _p in (0.5, 1, 2, 2.5, 3, 4, -1, -2, np.inf, -np.inf):
    CASES[f"norm of vectors, order {_p}"] = (
        lambda x, p=_p: [la.norm(x, p, (1,), True), la.vector_norm(x, ord=p)],
        N(2, 3),
    )
for _p in ORDERS:
    CASES[f"norm of matrices, order {_p}"] = (
        lambda x, p=_p: [la.norm(x, p, axis=(2, -3)), la.norm(x, p, (0, 2), True)],
        N(2, 3, 3),
    )
for _p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    CASES[f"cond, order {_p}"] = (lambda x, p=_p: la.cond(x, p), INVERTIBLE[0])


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 2.5, 3, 4, np.inf, -np.inf, 0, None])
def test_the_gradient_of_a_norm_at_0_is_0(order):
    with np.errstate(all="raise"):
        for x in (np.zeros(3), np.zeros(3, complex)):
            np.testing.assert_array_equal(tg.grad(lambda x: la.norm(x, order))(x), 0 * x)


@pytest.mark.parametrize("order", ORDERS)
def test_the_gradient_of_a_matrix_norm_at_0_is_0(order):
    with np.errstate(all="raise"):
        for x in (np.zeros((2, 3)), np.zeros((3, 3), complex)):
            np.testing.assert_array_equal(tg.grad(lambda x: la.norm(x, order, (0, 1)))(x), 0 * x)


@pytest.mark.parametrize("order", [2, 3, 4, 6, 3.5])
def test_norms_of_vectors_with_zeros_are_differentiable(order):
    tg.check_grads(lambda x: la.norm(x, order), (np.array([0.0, 1.0, 2.0, 0.0]),), atol=1e-4)


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2.5, 0, -1])
def test_norms_that_have_a_kink_at_zeros_take_0_there(order):
    with np.errstate(divide="ignore"):  # NumPy's own 0 ** -1
        gradient = tg.grad(lambda x: la.norm(x, order))(np.array([0.0, 1.0, 2.0]))
    assert gradient[0] == 0
    assert np.isfinite(gradient).all()


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.3.0", reason="NumPy has none before 2.3"
)
def test_norms_of_empty_matrices_are_0():
    for order in (1, 2, np.inf, "fro", "nuc"):
        gradient = tg.grad(lambda x, p=order: la.norm(x, p, (0, 1)))(np.zeros((0, 3)))
        assert gradient.shape == (0, 3)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="norm of order 3"):
        la.norm(*tensors(N(3, 3)), 3)


sizes = st.integers(1, 3)
shapes = st.lists(sizes, max_size=2).map(tuple)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, st.sampled_from(ORDERS), st.booleans(), st.data())
def test_norms_take_any_axes(batch, m, n, order, keepdims, data):
    shape = (*batch, m, n)
    axis = tuple(data.draw(st.permutations(range(-len(shape), len(shape))))[:2])
    if axis[0] % len(shape) == axis[1] % len(shape) or (order == -2 and 1 not in shape):
        axis = (-2, -1)
    x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=shape)
    f = lambda x: la.norm(x, order, axis, keepdims)  # noqa: E731
    agrees_with_numpy(f, x)
    tg.check_grads(f, (x,), order=1, rtol=1e-4, atol=1e-5)

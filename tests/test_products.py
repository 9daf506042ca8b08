"""Products of vectors, matrices and stacks of matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, single, tensors

la = np.linalg
N, P, U, C = makers(2)

INVERTIBLE = N(2, 3, 3) + 3 * np.eye(3)

CASES = {
    "matmul": (np.matmul, N(2, 3), N(3, 4)),
    "matmul of vectors": (np.matmul, N(3), N(3)),
    "matmul of vector and matrices": (np.matmul, N(3), N(2, 3, 4)),
    "matmul of matrices and vector": (np.matmul, N(2, 4, 3), N(3)),
    "matmul of a stack and a matrix": (la.matmul, N(2, 2, 3), N(3, 2)),
    "matmul of stacks": (np.matmul, N(2, 1, 2, 3), N(4, 3, 2)),
    "matmul along axes": (
        lambda x, y: np.matmul(x, y, axes=[(0, 1), (0, -1), (2, 0)]),
        *(N(2, 3, 4), N(3, 4, 2)),
    ),
    "matmul in another dtype": (lambda x, y: np.matmul(x, y, dtype=complex), N(2, 3), N(3, 4)),
    "dot": (np.dot, N(2, 3), N(3, 4)),
    "dot with a scalar": (lambda x, y: np.dot(x, y) + np.dot(y, 2.0), N(), N(3)),
    "dot of a stack and a vector": (np.dot, N(2, 2, 3), N(3)),
    "dot of stacks": (np.dot, N(2, 3), N(2, 3, 4)),
    "inner": (np.inner, N(2, 3), N(4, 2, 3)),
    "inner with scalars": (lambda x, y: np.inner(x, y) + np.inner(y, x), N(), N(2, 3)),
    "vdot": (np.vdot, N(2, 3), N(3, 2)),
    "vecdot": (np.vecdot, N(2, 3), N(3)),
    "vecdot along an axis": (
        lambda x, y: np.vecdot(x, y, axis=0) + la.vecdot(x, y, axis=-2),
        *(N(3, 2), N(3, 2)),
    ),
    "vecdot along different axes": (
        lambda x, y: [np.vecdot(x, y, axes=[1, (0,)]), np.vecdot(x.mT, y.T, keepdims=True)],
        *(N(2, 3, 4), N(3, 4)),
    ),
    "outer": (lambda x, y: np.outer(x, y) + la.outer(x.ravel(), y), N(2, 2), N(3)),
    "kron": (np.kron, N(2, 1), N(2, 2, 3)),
    "kron with a scalar": (np.kron, N(2), N()),
    "cross": (np.cross, N(2, 3), N(3)),
    "cross along axes": (
        lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0) + la.cross(x, y.T, axis=0),
        *(N(3, 2), N(2, 3)),
    ),
    "cross along one axis": (lambda x, y: np.cross(x, y, axis=1), N(2, 3, 2), N(1, 3, 2)),
    "cross of a stack": (lambda x, y: np.cross(x, y, 0, 1), N(3), N(2, 3)),
    "tensordot": (lambda x, y: np.tensordot(x, y, ([0, -1], [1, 0])), N(2, 3, 4), N(4, 2, 2)),
    "tensordot of pairs": (np.tensordot, N(2, 3, 4), N(3, 4, 2)),
    "tensordot along one axis": (lambda x, y: la.tensordot(x, y, axes=[-1, 0]), N(2, 3), N(3, 2)),
    "tensordot as an outer product": (lambda x, y: np.tensordot(x, y, 0), N(2), N(3)),
    "multi_dot": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 1), N(1, 2)),
    "multi_dot of three": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 2)),
    "multi_dot of vectors": (lambda *x: la.multi_dot(x), N(3), N(3, 4), N(4)),
    "multi_dot from a vector": (lambda *x: la.multi_dot(x), N(3), N(3, 4)),
    "multi_dot to a vector": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 4), N(4)),
    "matrix_power": (
        lambda x: [la.matrix_power(x, n) for n in (1, 2, 3, 5, 6)],
        N(2, 3, 3),
    ),
    "negative matrix_power": (lambda x: la.matrix_power(x, -3), INVERTIBLE),
    "dense": (tg.dense, N(4, 5), N(5, 3), N(3)),
    "dense without bias": (tg.dense, N(3, 2, 4, 5), N(5, 3)),
    "dense of a vector": (tg.dense, N(5), N(5, 3), N(3)),
    "products of nothing": (lambda x: [x @ np.ones((3, 2)), x.T @ x], N(0, 3)),
    "products with lists": (
        lambda x: np.vecdot([1.0, 2.0], x) + np.vdot(x, [1.0, 2.0]) + np.inner([1.0, 2.0], x),
        N(2),
    ),
    "multi_dot with lists": (
        lambda x: la.multi_dot([[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], x]),
        N(2),
    ),
    "kron with a list": (lambda x: np.kron([1.0, 2.0], x), N(2)),
    "cross with a list": (lambda x: np.cross([1.0, 2.0, 3.0], x), N(3)),
    "tensordot with a list": (lambda x: np.tensordot([1.0, 2.0], x, 1), N(2)),
    "complex products": (
        lambda z, w: np.vdot(z, w @ z) + np.inner(z, z),
        *(C(3), C(3, 3)),
    ),
    "vecdot of real and complex": (np.vecdot, N(2, 3), C(3)),
    "complex vecdot": (np.vecdot, C(2, 3), C(3)),
    "complex cross": (np.cross, C(2, 3), C(3)),
    "complex multi_dot": (lambda *x: la.multi_dot(x), C(3), C(3, 2), C(2)),
}
if hasattr(np, "matvec"):  # NumPy 2.2
    CASES |= {
        "matvec": (np.matvec, N(2, 3, 4), N(4)),
        "vecmat": (np.vecmat, N(2, 3), N(3, 4)),
        "matvec along axes": (
            lambda a, x: np.matvec(a, x, axes=[(0, 1), 0, -2]),
            *(N(3, 4, 2), N(4, 2)),
        ),
        "complex matvec": (np.matvec, C(2, 3, 4), C(4)),
        "complex vecmat": (np.vecmat, C(2, 3), C(3, 4)),
    }


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_a_dense_layer_in_single_precision_stays_there():
    assert tg.dense(*map(single, (N(4, 5), N(5, 3), N(3)))).dtype == np.float32


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "2.5.0", reason="NumPy has none since 2.5"
)
def test_cross_products_in_the_plane():
    for x, y in [(N(2, 2), N(2)), (N(2), N(4, 3)), (N(2, 3), N(2))]:
        holds(np.cross, x, y)


def test_a_power_of_0_is_constant():
    (t,) = tensors(N(3, 3))
    assert type(la.matrix_power(t, 0)) is np.ndarray


ERRORS = {
    "lengths in cross": (lambda t: la.cross(t[:2], t[:2], axis=0), ValueError, "length 3"),
    "vectors in outer": (lambda t: la.outer(t, t), ValueError, r"must be vectors \(\(3, 3\)"),
    "dense": (
        lambda t: tg.dense(t[:2], np.ones((2, 4))),
        *(ValueError, r"dense: kernel .* \(x \(2, 3\), kernel \(2, 4\)\)"),
    ),
    "dense bias": (
        lambda t: tg.dense(t[:2], np.ones((3, 4)), np.ones((1, 4))),
        *(ValueError, r"dense: bias must have shape \(4,\), it has \(1, 4\)"),
    ),
    "lengths in tensordot": (lambda t: np.tensordot(t, t[:2], 1), ValueError, "have lengths"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(N(3, 3)))


sizes = st.integers(1, 3)
shapes = st.lists(sizes, max_size=2).map(tuple)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, sizes, st.data())
def test_matmul_broadcasts(batch, n, k, m, data):
    left, right = ([data.draw(st.sampled_from([1, size])) for size in batch] for _ in range(2))
    left = left[data.draw(st.integers(0, len(left))) :]
    tg.check_grads(np.matmul, (N(*left, n, k), N(*right, k, m)))

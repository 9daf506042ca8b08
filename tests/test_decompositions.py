"""Cholesky, QR, eigenvalue and singular value decompositions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

la = np.linalg
N, P, U, C = makers(5)
EYE = np.eye(3)
SYMMETRIC = np.array([[2.0, 0.5, -0.3], [0.5, -1.0, 0.7], [-0.3, 0.7, 0.4]])
HERMITIAN = C(3, 3)
HERMITIAN = HERMITIAN + np.conjugate(HERMITIAN.T)


def H(x):
    return np.conjugate(np.swapaxes(x, -1, -2))


def S(x):
    """A positive definite matrix made of x, as the inputs of cases."""
    return x @ H(x) + np.eye(x.shape[-1])


def projection(q):
    """The one on the columns of q, which does not depend on the basis that they are."""
    return q @ H(q)


def pair(u, s, vh):
    """u₁ v₁ᴴ, which does not depend on their phases."""
    return u[:, :1] @ vh[:1]


CASES = {
    "cholesky": (la.cholesky, S(N(2, 3, 3))),
    "cholesky upper": (lambda x: la.cholesky(x, upper=True), S(N(3, 3))),
    "qr": (la.qr, N(2, 4, 3)),
    "qr of square matrices": (lambda x: la.qr(x, "complete"), N(3, 3)),
    "qr of wide matrices": (la.qr, N(2, 2, 4)),
    "qr complete": (lambda x: la.qr(x, mode="complete"), N(3, 2)),
    "qr complete, as a projection": (
        lambda x: projection(la.qr(x, mode="complete")[0][:, 2:]),
        N(5, 2),
    ),
    "qr without q": (lambda x: la.qr(x, mode="r"), N(4, 3)),
    "qr of wide matrices without q": (lambda x: la.qr(x, mode="r"), N(2, 3)),
    "eigh": (la.eigh, N(2, 3, 3)),
    "eigh upper": (lambda x: la.eigh(x, UPLO="U"), N(3, 3)),
    "eigvalsh": (la.eigvalsh, N(2, 3, 3)),
    "eigvalsh upper": (lambda x: la.eigvalsh(x, "u"), N(3, 3)),
    "eig": (la.eig, np.diag([1.0, 2.0, 4.0]) + 0.3 * N(2, 3, 3)),
    "eig, complex values": (la.eig, N(2, 4, 4)),
    "eigvals": (la.eigvals, N(2, 4, 4)),
    "svd": (lambda x: la.svd(x, full_matrices=False), N(2, 4, 3)),
    "svd of wide matrices": (lambda x: la.svd(x, False), N(2, 3)),
    "svd of square matrices": (la.svd, N(3, 3)),
    "svd full": (la.svd, N(3, 2)),
    "svd full and wide": (la.svd, N(2, 2, 3)),
    "svd full, as projections": (
        lambda x: [projection(la.svd(x)[0][:, 2:]), projection(la.svd(x.T)[2][2:].T)],
        N(5, 2),
    ),
    "svd hermitian": (lambda x: la.svd(x, hermitian=True), SYMMETRIC),
    "svd hermitian, values": (lambda x: la.svd(x, True, False, True), SYMMETRIC),
    "svdvals": (lambda x: la.svdvals(x) + la.svd(x, compute_uv=False), N(2, 4, 3)),
    "complex cholesky": (la.cholesky, S(C(2, 3, 3))),
    "complex cholesky upper": (lambda z: la.cholesky(z, upper=True), S(C(3, 3))),
    "complex qr": (la.qr, C(2, 4, 3)),
    "complex qr of wide matrices": (la.qr, C(2, 3)),
    "complex qr without q": (lambda z: la.qr(z, "r"), C(3, 3)),
    "complex eigh": (lambda z: (la.eigh(z)[0], np.abs(la.eigh(z)[1])), C(2, 3, 3)),
    "complex eigh upper": (lambda z: (la.eigh(z, "U")[0], np.abs(la.eigh(z, "U")[1])), C(3, 3)),
    "complex eigvalsh": (la.eigvalsh, C(2, 3, 3)),
    "complex eig": (la.eig, C(2, 3, 3)),
    "complex eigvals": (la.eigvals, C(3, 3)),
    "complex svd": (lambda z: [np.abs(part) for part in la.svd(z, False)], C(2, 4, 3)),
    "complex svd of wide matrices": (
        lambda z: [np.abs(part) for part in la.svd(z, False)],
        C(2, 3),
    ),
    "complex svd full, as a projection": (lambda z: projection(la.svd(z)[0][:, 2:]), C(4, 2)),
    "complex svd, one pair of vectors": (lambda z: pair(*la.svd(z)), C(4, 3)),
    "complex svd hermitian": (lambda z: la.svd(z, hermitian=True)[1], HERMITIAN),
    "complex svdvals": (la.svdvals, C(3, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


# Hard points

SPREAD = la.qr(N(3, 3))[0]
REPEATED = SPREAD @ np.diag([1.0, 1.0, 3.0]) @ SPREAD.T  # equal but for rounding


@pytest.mark.parametrize("x", [EYE, REPEATED, np.zeros((3, 3)), 1j * EYE], ids="I R 0 i".split())
def test_repeated_eigenvalues_and_singular_values_give_no_nan(x):
    functions = [
        lambda x: la.eigh(x)[0],
        lambda x: projection(la.eigh(x)[1][:, :2]),
        lambda x: la.eig(x)[0],
        lambda x: la.svd(x)[0] @ la.svd(x)[2],
        lambda x: la.svd(x)[1],
        lambda x: la.norm(x, "nuc"),
        lambda x: la.norm(x, 2),
        la.pinv,
    ]
    for f in functions:
        output, pullback = tg.vjp(lambda x, f=f: np.abs(f(x)) ** 2, x)
        assert np.isfinite(pullback(np.ones_like(output))[0]).all()


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def squares(x):
    return np.sum(x * x)


RANK_1, PARTED = np.outer([1.0, 2.0, -1.0], [2.0, 0.0, 1.0]), np.diag([1.0, 1.0, 2.0])
SYMMETRIC_FUNCTIONS = {
    # name: (function of eigenvalues or singular values, the same as one of the matrix)
    "squares of singular values": (lambda x: np.sum(la.svd(x, compute_uv=False) ** 2), squares),
    "those, twice": (lambda x: np.sum(la.svdvals(x) * la.svdvals(x)), squares),
    "those beside vectors": (lambda x: np.sum(la.svd(x)[1] ** 2), squares),
    "fourth powers": (lambda x: np.sum(la.svdvals(x) ** 4), lambda x: squares(x.T @ x)),
    "logarithms": (
        lambda x: np.sum(np.log(1 + la.svdvals(x) ** 2)),
        lambda x: np.log(la.det(EYE + x.T @ x)),
    ),
    "cubes of eigenvalues": (
        lambda x: np.sum(la.eigvalsh(symmetric(x)) ** 3),
        lambda x: np.trace(symmetric(x) @ symmetric(x) @ symmetric(x)),
    ),
    "eigenvalues beside vectors": (
        lambda x: np.sum(la.eigh(symmetric(x))[0] ** 2),
        lambda x: squares(symmetric(x)),
    ),
    "upper triangle": (
        lambda x: np.sum(la.eigvalsh(x, "U") ** 2),
        lambda x: 2 * squares(np.triu(x, 1)) + squares(np.diagonal(x)),
    ),
    "determinant": (
        lambda x: np.prod(la.eigvalsh(symmetric(x))),
        lambda x: la.det(symmetric(x)),
    ),
    "complex": (
        lambda x: np.sum(la.eigvalsh(x + 1j * (x - x.T)) ** 2),
        lambda x: (
            squares(np.diagonal(x))
            + 2 * squares(np.tril(x, -1))
            + 2 * squares(np.tril(x - x.T, -1))
        ),
    ),
}


@pytest.mark.parametrize(
    "x", [EYE, REPEATED, PARTED, RANK_1, np.diag([1.0, 2.0, 0.0]), np.zeros((3, 3)), SYMMETRIC]
)
@pytest.mark.parametrize("name", SYMMETRIC_FUNCTIONS)
def test_symmetric_functions_of_equal_values_have_their_second_derivatives(name, x):
    f, same = SYMMETRIC_FUNCTIONS[name]
    v = np.linspace(-1, 1, 9).reshape(3, 3)
    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(tg.hessian(f)(x), tg.hessian(same)(x), **close)
    product = tg.hvp(same, (x,), (v,))
    np.testing.assert_allclose(tg.jvp(tg.grad(f), (x,), (v,))[1], product, **close)
    in_single = tg.hvp(f, (x.astype(np.float32),), (v.astype(np.float32),))
    np.testing.assert_allclose(in_single, product, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 3), (3, 1), (2, 2, 2)])
def test_squares_of_singular_values_that_are_0(shape):
    for x in (np.zeros(shape), np.ones(shape)):
        hessian = tg.hessian(lambda x: np.sum(la.svdvals(x) ** 2))(x)
        np.testing.assert_allclose(hessian.reshape(x.size, -1), 2 * np.eye(x.size), atol=1e-12)


UNPARTED = {
    # what does not depend on how equal eigenvalues part: (function, highest order)
    "sum of eigenvalues": (lambda x: np.sum(la.eigvalsh(x)), 2),
    "sum of squares": (lambda x: np.sum(la.eigh(x)[0] ** 2), 1),
    "sum of squares, any matrix": (lambda x: np.sum(la.eigvals(x) ** 2).real, 1),
    "projection": (lambda x: projection(la.eigh(x)[1][:, :2]), 1),
    "nuclear norm": (lambda x: la.norm(x, "nuc"), 2),
    "polar factor": (lambda x: la.svd(x)[0] @ la.svd(x)[2], 1),
    "squares of singular values": (lambda x: np.sum(la.svdvals(x) ** 2), 1),
    "frobenius norm": (la.norm, 2),
    "pinv": (la.pinv, 2),
}


@pytest.mark.parametrize("name", UNPARTED)
def test_functions_that_are_smooth_at_repeated_values_have_their_gradients(name):
    f, order = UNPARTED[name]
    tg.check_grads(f, (REPEATED,), order=order, rtol=1e-4, atol=1e-5)


WEIGHTS = N(3, 3)


def put_together(x):
    u, s, vh = la.svd(x, full_matrices=False)
    return np.sum((u * s) @ vh * WEIGHTS)


def by_eigh(f):
    def g(x):
        values, v = la.eigh(x)
        return np.sum((v * f(values)[..., None, :]) @ H(v) * WEIGHTS)

    return g


def by_eig(x):
    values, v = la.eig(x)
    return np.sum(((v * values) @ la.inv(v)).real * WEIGHTS)


UNTOLD = {
    # name: (function, where, what the warning says)
    "svd, equal": (put_together, EYE, "linalg.svd: singular values 0 and 1 are equal; .* is NaN"),
    "svd, orthogonal": (put_together, SPREAD, "singular values 0 and 1 are equal"),
    "svd, rank 1": (put_together, np.ones((3, 3)), "linalg.svd: singular value 1 is 0"),
    "svd, rank 2": (put_together, np.diag([1.0, 2.0, 0.0]), "linalg.svd: singular value 2 is 0"),
    "eigh, 1/√": (by_eigh(lambda w: 1 / np.sqrt(w)), EYE, "linalg.eigh: eigenvalues 0 and 1 are"),
    "eigh, exp": (by_eigh(np.exp), np.diag([1.0, 2.0, 2.0]), "linalg.eigh: eigenvalues 1 and 2"),
    "eigh, 0": (by_eigh(lambda w: w), np.zeros((3, 3)), "linalg.eigh: eigenvalues 0 and 1 are"),
    "eig": (by_eig, EYE, "linalg.eig: eigenvalues 0 and 1 are equal"),
    "eigenvalues, any matrix": (
        tg.grad(lambda x: np.sum(la.eigvals(x) ** 2).real),
        EYE,
        "linalg.eigvals: eigenvalues 0 and 1 are equal",
    ),
    "greatest eigenvalue": (
        tg.grad(lambda x: la.eigvalsh(x)[-1] ** 2),
        EYE,
        "linalg.eigvalsh: eigenvalues 0 and 2 are equal",
    ),
    "matrix norm": (
        tg.grad(lambda x: la.norm(x, "nuc") ** 2),
        np.zeros((2, 2)),
        "linalg.svdvals: singular values 0 and 1 are equal",
    ),
    "projection": (
        tg.grad(lambda x: np.sum(projection(la.eigh(x)[1][:, :2]) * WEIGHTS)),
        REPEATED,
        "linalg.eigh: eigenvalues 0 and 1 are equal",
    ),
    "stack": (
        by_eigh(np.exp),
        np.stack([SYMMETRIC, EYE]),
        r"eigenvalues 0 and 1 of matrix \[1\] are equal",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNTOLD)
def test_what_equal_values_do_not_tell_is_nan_with_a_warning(name):
    f, x, message = UNTOLD[name]
    output, pullback = tg.vjp(f, x)
    with pytest.warns(RuntimeWarning, match=message):
        assert np.isnan(pullback(np.ones_like(output))[0]).any()
    with pytest.warns(RuntimeWarning, match=message):
        assert np.isnan(tg.jvp(f, (x,), (np.ones_like(x) + x,))[1]).any()


def test_vectors_of_a_value_apart_from_equal_ones_have_their_derivatives():
    def greatest(x):
        values, v = la.eigh(x)
        return values[-1] * projection(v[:, -1:])

    tg.check_grads(greatest, (REPEATED,), order=1)
    tangent = tg.jvp(greatest, (REPEATED,), (SYMMETRIC,))[1]
    near = [greatest(REPEATED + e * SYMMETRIC) for e in (1e-6, -1e-6)]
    np.testing.assert_allclose(tangent, (near[0] - near[1]) / 2e-6, atol=1e-7)


def test_a_hermitian_matrix_is_put_together_of_its_singular_values_also_at_0():
    def f(x):
        u, s, vh = la.svd(x, hermitian=True)
        return np.sum((u * s) @ vh * WEIGHTS)

    gradient = tg.grad(f)(np.diag([1.0, 0.0, -2.0]))
    both = WEIGHTS + WEIGHTS.T
    np.testing.assert_allclose(gradient, np.tril(both) - np.diag(np.diag(WEIGHTS)), atol=1e-12)


ARBITRARY = {
    "basis, svd": (lambda x: np.sum(la.svd(x)[0][0]), N(5, 2), "basis that completes 2"),
    "basis, wide": (lambda x: np.sum(la.svd(x)[2][-1, :2]), N(2, 5), "basis that completes 2"),
    "basis, qr": (lambda x: np.sum(la.qr(x, "complete")[0][0]), N(5, 2), "basis that completes 2"),
    "phase, svd": (lambda z: np.sum(la.svd(z)[0]).real, C(3, 3), "phases of singular vectors"),
    "phase, eigh": (lambda z: np.sum(la.eigh(z)[1]).real, C(3, 3), "phases of eigenvectors"),
}


@pytest.mark.parametrize("name", ARBITRARY)
def test_a_function_of_an_arbitrary_choice_is_refused(name):
    f, x, message = ARBITRARY[name]
    with pytest.raises(NotImplementedError, match=message):
        tg.grad(f)(x)


def test_decompositions_read_one_triangle():
    x, upper = S(N(3, 3)), np.triu(np.ones((3, 3), bool), 1)
    for f, unread in [
        (la.cholesky, upper),
        (lambda x: la.cholesky(x, upper=True), upper.T),
        (la.eigvalsh, upper),
        (lambda x: la.eigh(x, "U")[0], upper.T),
        (lambda x: la.pinv(x, hermitian=True), upper),
    ]:
        assert not tg.grad(lambda x, f=f: np.sum(f(x)))(x)[unread].any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices_have_empty_gradients(shape):
    for f in (la.cholesky, la.qr, la.eigh, la.eigvalsh, la.eig, la.eigvals, la.svd, la.svdvals):
        holds(f, np.zeros(shape))


def test_a_mode_without_derivative_is_refused():
    with pytest.raises(NotImplementedError, match="mode='raw' has no"):
        la.qr(*tensors(N(3, 3)), "raw")


sizes = st.integers(1, 3)
shapes = st.lists(sizes, max_size=2).map(tuple)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, st.booleans(), st.integers(0, 99))
def test_factors_multiply_to_their_matrix(batch, m, n, is_complex, seed):
    """A function that is the identity has the derivative 1, whatever the factors."""
    x = np.random.default_rng(seed).normal(size=(2, *batch, m, n))
    x = x[0] + 1j * x[1] if is_complex else x[0]

    def from_svd(x):
        u, s, vh = la.svd(x, full_matrices=False)
        return (u * s[..., None, :]) @ vh

    for f in (from_svd, lambda x: np.matmul(*la.qr(x)), lambda x: la.pinv(la.pinv(x))):
        output, pullback = tg.vjp(f, x)
        g = np.random.default_rng(seed).normal(size=x.shape) + 0 * x
        np.testing.assert_allclose(output, x, atol=1e-6)
        np.testing.assert_allclose(pullback(g)[0], g, rtol=1e-3, atol=1e-3)

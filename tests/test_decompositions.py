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
    def everything(x):
        parts = *la.eigh(x), *la.eig(x), *la.svd(x), la.norm(x, "nuc"), la.norm(x, 2), la.pinv(x)
        return [np.sum(np.abs(part) ** 2) for part in parts]

    def gradient(x):
        output, pullback = tg.vjp(everything, x)
        return pullback(tg.tree.map(np.ones_like, output))[0]

    assert np.isfinite(gradient(x)).all()
    output, pullback = tg.vjp(gradient, x)
    assert np.isfinite(pullback(np.ones_like(output))[0]).all()


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

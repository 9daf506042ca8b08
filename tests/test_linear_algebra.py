"""Inverses, determinants, equations, least squares, and the diagonals of numpy.linalg."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

la = np.linalg
N, P, U, C = makers(2)
EYE = np.eye(3)
INVERTIBLE = N(2, 3, 3) + 3 * EYE
SYMMETRIC = np.array([[2.0, 0.5, -0.3], [0.5, -1.0, 0.7], [-0.3, 0.7, 0.4]])
HERMITIAN = C(3, 3)
HERMITIAN = HERMITIAN + np.conjugate(HERMITIAN.T)

CASES = {
    "inv": (la.inv, INVERTIBLE),
    "solve": (la.solve, INVERTIBLE[0], N(3, 2)),
    "solve for a vector": (la.solve, INVERTIBLE, N(3)),
    "solve stacks": (la.solve, INVERTIBLE[0], N(2, 3, 1)),
    "tensorsolve": (la.tensorsolve, N(2, 3, 6), N(2, 3)),
    "tensorsolve along axes": (lambda a, b: la.tensorsolve(a, b, (0, 2)), N(2, 6, 3), N(6)),
    "tensorinv": (lambda a: la.tensorinv(a, ind=1), N(6, 2, 3)),
    "det": (la.det, INVERTIBLE),
    "slogdet": (la.slogdet, -INVERTIBLE),
    "pinv": (la.pinv, N(2, 4, 3)),
    "pinv of wide matrices": (lambda x: la.pinv(x, rtol=1e-9), N(2, 3)),
    "pinv of rank 2": (lambda x, y: la.pinv(x @ y, 1e-9), N(4, 2), N(2, 3)),
    "pinv hermitian": (lambda x: la.pinv(x, hermitian=True), SYMMETRIC),
    "lstsq": (lambda a, b: la.lstsq(a, b), N(4, 2), N(4, 3)),
    "lstsq for a vector": (lambda a, b: la.lstsq(a, b, rcond=-1), N(4, 2), N(4)),
    "lstsq of few equations": (lambda a, b: la.lstsq(a, b), N(2, 4), N(2)),
    "lstsq of rank 2": (lambda x, y, b: la.lstsq(x @ y, b, 1e-9)[0], N(4, 2), N(2, 3), N(4, 2)),
    "lstsq with lists": (
        lambda b: la.lstsq([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], b)[0],
        N(3),
    ),
    "solve with lists": (lambda b: la.solve([[1.0, 2.0], [3.0, 4.0]], b), N(2)),
    "trace of stacks": (lambda x: la.trace(x, offset=1) + x.trace(0, 1, 2), N(2, 3, 4)),
    "diagonal": (lambda x: la.diagonal(x, offset=-1), N(2, 3, 4)),
    "matrix_transpose": (lambda x: la.matrix_transpose(x) @ x, N(2, 3, 2)),
    "complex inverses": (lambda z, w: la.inv(z) @ la.solve(z, w), C(3, 3), C(3)),
    "complex tensorinv": (la.tensorinv, C(2, 2, 4)),
    "complex determinants": (
        lambda z: la.det(z) + la.slogdet(z)[0] ** 2 + la.slogdet(z)[1],
        C(3, 3),
    ),
    "complex pinv": (la.pinv, C(2, 4, 3)),
    "complex pinv hermitian": (lambda z: la.pinv(z, hermitian=True), HERMITIAN),
    "complex lstsq": (lambda a, b: la.lstsq(a, b), C(4, 2), C(4, 2)),
    "complex lstsq of few equations": (lambda a, b: la.lstsq(a, b), C(2, 3), C(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


# Hard points

SPREAD = la.qr(N(3, 3))[0]


def cofactors(x):
    """By their definition, from minors."""
    n = range(len(x))
    minor = lambda i, j: la.det(np.delete(np.delete(x, i, 0), j, 1))  # noqa: E731
    return np.array([[(-1) ** (i + j) * minor(i, j) for j in n] for i in n])


SINGULAR = {
    "rank 3 of 4": N(4, 3) @ N(3, 4),
    "rank 2 of 4": N(4, 2) @ N(2, 4),
    "zero": np.zeros((3, 3)),
    "one zero": np.zeros((1, 1)),
    "nearly singular": SPREAD @ np.diag([1.0, 2.0, 1e-12]) @ N(3, 3),
    "somewhat singular": SPREAD @ np.diag([1.0, 1e-5, 1e-7]) @ N(3, 3),
    "complex": C(3, 2) @ C(2, 3),
    "stack": np.stack([EYE, np.ones((3, 3)), np.zeros((3, 3)), N(3, 3)]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_determinants_of_singular_matrices_have_derivatives_of_every_order(name):
    tg.check_grads(la.det, (SINGULAR[name],), order=3, atol=1e-6)


def test_the_gradient_of_a_determinant_is_the_matrix_of_cofactors():
    graded = SPREAD @ np.diag([1.0, 1e-6, 1e-9]) @ la.qr(N(3, 3))[0]
    for x in (N(5, 5), N(6, 4) @ N(4, 6), N(6, 5) @ N(5, 6), graded):
        expected = cofactors(x)
        atol = 1e-9 * np.max(np.abs(expected)) + 1e-11
        np.testing.assert_allclose(tg.grad(la.det)(x), expected, atol=atol)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices_have_empty_gradients(shape):
    for f in (
        *(la.inv, la.det, la.slogdet, la.pinv, la.norm),
        *(lambda x: la.solve(x, x), lambda x: x @ x),
    ):
        holds(f, np.zeros(shape))


def test_ranks_are_plain():
    x = N(3, 2)
    assert type(la.matrix_rank(*tensors(x))) is type(la.matrix_rank(x))


ERRORS = {
    "logarithm of 0": (
        lambda t: la.slogdet(t * 0)[1].backward(np.ones(())),
        la.LinAlgError,
        "Singular matrix",
    ),
    "ind of tensorinv": (lambda t: la.tensorinv(t, 0), ValueError, "ind must be positive"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(N(3, 3)))

"""NumPy's functions of polynomials on tensors: NumPy's values, and their derivatives."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
CASES = {
    "polyval": (np.polyval, N(4), N(2, 3)),
    "polyval at a list": (lambda p: np.polyval(p, [1, 2, 3]), N(4)),
    "polyval of a list": (lambda x: np.polyval([1, 2, 3], x) + np.polyval([], x), N(3)),
    "polyval of a poly1d": (lambda x: np.polyval(np.poly1d([1, 2, 3]), x), N()),
    "polyval of complex numbers": (np.polyval, N(3), C(2)),
    "vander": (np.vander, N(3)),
    "vander with its powers upwards": (lambda x: np.vander(x, 5, increasing=True), N(3)),
    "vander at 0": (lambda x: np.vander(x, N=4), np.array([0.0, 1.0])),
    "vander of no columns, and of one": (
        lambda x: [np.vander(x, 0) * 1.0, np.vander(x, 1) * 1.0, np.vander(x, 2)],
        C(3),
    ),
    "polyval nowhere": (np.polyval, N(3), N(0)),
    "polyder to nothing": (lambda p: np.concatenate([np.polyder(p, 3), np.polyder(p, 0)]), N(2)),
    "polyder": (lambda p: np.polyder(p, 2) * np.polyder(p)[:3], N(5)),
    "polyint": (np.polyint, N(3)),
    "polyint with a constant": (lambda p, k: np.polyint(p, 3, k), N(3), N()),
    "polyint with constants": (lambda p, k: np.polyint(p, m=2, k=k), C(3), N(2)),
    "polyadd": (lambda a, b: np.polyadd(a, b) * np.polysub(b, a), N(4), N(2)),
    "polyadd of equal lengths": (lambda a: np.polyadd(a, [1, 2]) + np.polysub(1, a), N(2)),
    "polymul": (np.polymul, N(4), N(2)),
    "polymul of leading zeros": (
        lambda a: np.polymul([0, 0, 1, 2], np.concatenate([np.zeros(2, a.dtype), a])),
        N(3),
    ),
    "polydiv": (np.polydiv, N(5), P(3)),
    "polydiv by more": (lambda u, v: np.polydiv(u, v)[1], N(2), P(3)),
    "polydiv of constants": (lambda v: np.polydiv([1, 2, 3, 4], v), P(2)),
    "poly": (np.poly, N(4)),
    "poly of complex roots": (np.poly, C(3)),
    "poly of pairs of roots": (lambda z: np.poly(np.concatenate([z, np.conj(z)])), C(2)),
    "roots": (np.roots, np.array([2.0, -3.0, -11.0, 6.0])),
    "roots off the real axis": (np.roots, np.array([1.0, 0.5, 2.0, 3.0])),
    "roots of complex polynomials": (np.roots, C(4)),
    "roots at 0": (np.roots, np.array([1.0, -3.0, 2.0, 0.0])),
    "no roots": (lambda p: np.roots(p).sum() + p[0], N(1)),
    "polyfit a line": (lambda x, y: np.polyfit(x, y, 1), N(6), N(6)),
    "polyfit weighted": (lambda x, y, w: np.polyfit(x, y, 2, w=w), N(6), N(6), P(6)),
    "polyfit of several": (
        lambda x, y, w: np.polyfit(x, y, 2, None, False, w),
        N(6),
        N(6, 2),
        P(6),
    ),
    "polyfit with its covariance": (lambda x, y: np.polyfit(x, y, 2, cov=True), N(6), N(6)),
    "polyfit of several with their covariances": (
        lambda x, y: np.polyfit(x, y, 1, cov="unscaled") + np.polyfit(x, y, 1, cov=True),
        *(N(6), N(6, 2)),
    ),
    "polyfit in full": (lambda x, y: np.polyfit(x, y, 1, full=True)[:2], N(6), N(6)),
}


@pytest.mark.parametrize("name", CASES)
def test_polynomials(name):
    holds(*CASES[name])


def test_roots_undo_what_poly_does():
    roots, weights = np.array([-2.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0])
    gradient = tg.grad(lambda r: weights @ np.sort(np.roots(np.poly(r))))(roots)
    np.testing.assert_allclose(gradient, weights, rtol=1e-12)


def test_a_leading_coefficient_of_0_moves_the_other_roots():
    # of p x² + x - 2 at p = 0 the root is 2, and x² dp + dx = 0
    np.testing.assert_allclose(tg.grad(lambda p: np.roots(p)[0])(np.array([0.0, 1, -2]))[0], -4)


def test_a_fit_through_as_many_points_as_coefficients_interpolates():
    x, y = np.array([0.0, 1.0, 3.0]), N(3)
    fitted = tg.grad(lambda y: np.polyval(np.polyfit(x, y, 2), 2.0))(y)
    # Lagrange's polynomials at 2
    np.testing.assert_allclose(fitted, [-1 / 3, 1.0, 1 / 3], rtol=1e-12)


ERRORS = {
    "a negative order": (lambda t: np.polyder(t, -1), ValueError, "m must not be negative"),
    "too few constants": (lambda t: np.polyint(t, 3, [1, 2]), ValueError, "must hold 1 or 3"),
    "roots of a stack": (lambda t: np.roots(t[None]), ValueError, "rank-1"),
    "a stack of roots": (lambda t: np.poly(t[None]), ValueError, r"shape \(1, 3\) came"),
    "lengths": (lambda t: np.polyfit(t, t[1:], 1), TypeError, r"np\.polyfit: x must be \(n,\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_numpy_refuses_is_refused(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

"""NumPy's functions of signals on tensors: NumPy's values, and their derivatives."""

import math

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, makers
from tinygrad_np.ops.signals import bessel_i, sine_over

N, P, U, C = makers(1)
SIZES = ((5, 3), (3, 5), (4, 2), (2, 4), (4, 4), (1, 3), (1, 1))
CASES = {
    f"{function.__name__} of {n} and {m}, {mode}": (
        lambda a, v, f=function, mode=mode: f(a, v, mode),
        *(array(n), array(m)),
    )
    for function in (np.convolve, np.correlate)
    for mode in ("full", "same", "valid")
    for n, m in SIZES
    for array in ((N, C) if n * m == 15 else (N,))
} | {
    "convolve with its default": (lambda a, v: np.convolve(v=v, a=a), N(4), N(3)),
    "correlate with its default": (lambda a, v: np.correlate(a, v=v), N(4), N(3)),
    "convolve with a list": (lambda a: np.convolve([1, 2], a) + np.convolve(a, [1, 2]), N(3)),
    "convolve with a number": (np.convolve, N(), N(3)),
    "correlate real and complex": (lambda a, v: np.correlate(a, v, "same"), N(4), C(3)),
    "unwrap": (np.unwrap, 4 * N(6)),
    "unwrap with a period": (lambda p: np.unwrap(p, axis=0, period=2.5) ** 2, 4 * N(6, 2)),
    "unwrap from a distance": (lambda p: np.unwrap(p, 3.5, 1), 4 * N(2, 6)),
    "sinc": (np.sinc, 2 * N(3, 4)),
    "sinc near and at 0": (np.sinc, np.array([0.0, 1e-9, -1e-3, 0.1, 0.3183, 0.319])),
    "sinc of complex numbers": (np.sinc, np.append(C(4), 0)),
    "derivatives of sinc": (lambda z: sine_over(z, order=2) * sine_over(z, order=5), 3 * N(4)),
    "derivatives of i0": (lambda x: bessel_i(x, order=1) * bessel_i(x, order=4), 3 * N(4)),
    "i0": (np.i0, 3 * N(3, 4)),
    "i0 at 0, at its borders, and far out": (np.i0, np.array([0.0, 8.0, -20.0, 20.1, 23.0])),
}


@pytest.mark.parametrize("name", CASES)
def test_signals(name):
    holds(*CASES[name])


@pytest.mark.parametrize("order", range(7))
def test_special_functions_agree_with_their_integrals(order):
    # Gauss's rule is exact to the last digits for these: smooth, on a short interval.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    nodes, weights = (nodes + 1) / 2, weights / 2
    z = np.concatenate([np.linspace(-15, 15, 101), [1e-8, -1e-4]])[:, None]
    expected = (nodes**order * np.cos(z * nodes + order * np.pi / 2)) @ weights
    np.testing.assert_allclose(sine_over(z[:, 0], order=order), expected, atol=1e-15)
    # I_n(x) = (x/2)ⁿ / (√π Γ(n + ½)) ∫ (1 - u²)^(n - ½) e^(xu) du; u = cos θ leaves it smooth.
    x = np.linspace(-40, 40, 101)[:, None]
    theta = np.pi * nodes
    integral = (np.exp(x * np.cos(theta)) * np.sin(theta) ** (2 * order)) @ weights * np.pi
    factor = (x[:, 0] / 2) ** order / (math.sqrt(math.pi) * math.gamma(order + 0.5))
    np.testing.assert_allclose(bessel_i(x[:, 0], order=order), factor * integral, rtol=1e-13)


def test_higher_derivatives_of_sinc_and_i0_at_0_are_exact():
    # the coefficients of the power series, by the factorials
    for f, expected in (
        (np.sinc, [1, 0, -(np.pi**2) / 3, 0, np.pi**4 / 5]),
        (np.i0, [1, 0, 1 / 2, 0, 3 / 8]),
    ):
        for value in expected:
            np.testing.assert_allclose(f(0.0), value, rtol=1e-15)
            f = tg.grad(f)


def test_the_derivative_of_i0_holds_up_to_overflow():
    x = 705.0
    with np.errstate(all="raise", under="ignore"):
        slope = tg.grad(np.i0)(x)
    # I_1 / I_0 = 1 - 1/(2x) - 1/(8x²) - …
    np.testing.assert_allclose(slope / np.i0(x), 1 - 1 / (2 * x) - 1 / (8 * x * x), rtol=1e-9)


def test_positive_windows_may_be_optimized():
    holds(lambda beta: np.i0(beta * np.sqrt(1 - np.linspace(-0.9, 0.9, 5) ** 2)) / np.i0(beta), P())

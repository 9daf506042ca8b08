"""`np.emath`: functions that become complex outside of their real domain."""

import numpy as np
import pytest

from tests.cases import holds, makers

N, P, U, C = makers(1)
OUTSIDE = np.array([-2.5, 0.3, 3.0])

CASES = {
    f"{_name} {_where}": (getattr(np.emath, _name), _x)
    for _name in "log log2 log10 sqrt arcsin arccos arctanh".split()
    for _where, _x in (("inside", np.abs(U(3))), ("outside", OUTSIDE), ("of complex", C(3)))
} | {
    "logn": (np.emath.logn, 1 + P(3), P(3)),
    "logn outside": (np.emath.logn, 1 + P(3), OUTSIDE),
    "power": (np.emath.power, P(3), N(3)),
    "power outside": (np.emath.power, OUTSIDE, N(3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])

"""linspace, geomspace and logspace between tensors."""

import numpy as np
import pytest

from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
CASES = {
    "linspace": (lambda a, b: np.linspace(a, b, 5), P(), P()),
    "of arrays": (lambda a, b: np.linspace(a, b, 4, axis=-1), P(2, 1), P(3)),
    "without the end": (lambda a, b: np.linspace(a, b, 4, endpoint=False), P(3), P(3)),
    "of one": (lambda a, b: np.linspace(a, b, num=1), P(), P()),
    "to a number": (lambda a: np.linspace(a, 2.0, 6), P()),
    "with the step": (lambda a, b: np.linspace(a, b, 5, retstep=True), P(2), P(2)),
    "complex": (lambda a, b: np.linspace(a, b, 3), C(2), C(2)),
    "in another dtype": (lambda a, b: np.linspace(a, b, 3, dtype=np.complex128), P(), P()),
    "from a number": (lambda b: np.linspace(0, b, 4), P()),
    "of arrays without the end": (lambda a, b: np.linspace(a, b, 3, False, axis=-1), P(2), P(3, 1)),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5), P(), P()),
    "geomspace of arrays": (lambda a, b: np.geomspace(a, b, 4, False, axis=1), P(2), P(2)),
    "geomspace of negative numbers": (lambda a, b: np.geomspace(-a, -b, 4), P(2), P(2)),
    "geomspace below 0 without the end": (lambda a, b: np.geomspace(-a, -b, 4, False), P(), P()),
    "logspace": (lambda a, b: np.logspace(a, b, 5), P(), P()),
    "logspace to a base": (lambda a, b, c: np.logspace(a, b, 4, base=c), P(), P(), P()),
    "logspace of arrays": (lambda a, b: np.logspace(a, b, 3), U(2), U(2)),
    "logspace to bases, and to a number": (
        lambda a, b: np.logspace(a, 1.0, 3, base=b, axis=1),
        *(U(2), P(2)),
    ),
    "logspace to bases": (lambda a, b, c: np.logspace(a, b, 4, base=c, axis=-1), P(), P(2), P(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_integers_vary_in_jumps_and_come_as_a_plain_array():
    (t,) = tensors(0.5)
    assert type(np.linspace(t, 10.0, 5, dtype=int)) is np.ndarray

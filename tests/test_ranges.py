"""linspace, geomspace and logspace between tensors."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import C, P, check

CASES = {
    "linspace": (lambda a, b: np.linspace(a, b, 5), P(), P()),
    "of arrays": (lambda a, b: np.linspace(a, b, 4, axis=-1), P(2, 1), P(3)),
    "without the end": (lambda a, b: np.linspace(a, b, 4, endpoint=False), P(3), P(3)),
    "of one": (lambda a, b: np.linspace(a, b, num=1), P(), P()),
    "to a number": (lambda a: np.linspace(a, 2.0, 6), P()),
    "with the step": (lambda a, b: np.linspace(a, b, 5, retstep=True), P(2), P(2)),
    "complex": (lambda a, b: np.linspace(a, b, 3), C(2), C(2)),
    "in another dtype": (lambda a, b: np.linspace(a, b, 3, dtype=np.complex128), P(), P()),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5), P(), P()),
    "geomspace of arrays": (lambda a, b: np.geomspace(a, b, 4, False, axis=1), P(2), P(2)),
    "geomspace of negative numbers": (lambda a, b: np.geomspace(-a, -b, 4), P(2), P(2)),
    "logspace": (lambda a, b: np.logspace(a, b, 5), P(), P()),
    "logspace to a base": (lambda a, b, c: np.logspace(a, b, 4, base=c), P(), P(), P()),
    "logspace to bases": (lambda a, b, c: np.logspace(a, b, 4, base=c, axis=-1), P(), P(2), P(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    check(*CASES[name])


def test_integers_vary_in_jumps_and_come_as_a_plain_array():
    t = tg.Tensor(0.5, requires_grad=True)
    assert type(np.linspace(t, 10.0, 5, dtype=int)) is np.ndarray

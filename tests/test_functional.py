"""NumPy's functions that call functions, on tensors: NumPy's values, and their derivatives."""

import numpy as np
import pytest

from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
CASES = {
    "apply_along_axis": (lambda x: np.apply_along_axis(np.cumprod, 1, x), N(2, 3, 2)),
    "apply_along_axis to numbers": (lambda x: np.apply_along_axis(np.prod, -1, x), N(2, 3)),
    "apply_along_axis to matrices": (
        lambda x: np.apply_along_axis(lambda v, k: np.outer(v, k * v), 0, x, k=2),
        N(3, 2, 2),
    ),
    "apply_along_axis of a vector": (lambda x: np.apply_along_axis(np.sum, 0, x) * x, N(3)),
    "apply_along_axis giving lists": (
        lambda x: np.apply_along_axis(lambda v: [v.sum(), v[0]], 0, x),
        N(2, 3),
    ),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x**2, [0, -1]), N(2, 3, 2)),
    "apply_over_axes with one": (lambda x: np.apply_over_axes(np.cumsum, x, 1), N(2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_functional(name):
    holds(*CASES[name])


def test_vectorize_says_that_it_would_lose_the_gradient():
    with pytest.raises(TypeError, match="would lose its gradient"):
        np.vectorize(lambda x: x * x)(*tensors(N(3)))


def test_there_must_be_slices():
    with pytest.raises(ValueError, match="has no slices along 0"):
        np.apply_along_axis(np.sum, 0, *tensors(np.ones((3, 0))))

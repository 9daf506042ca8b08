"""Tables of vectors, and one-hot vectors."""

from functools import partial

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, single

rng = np.random.default_rng(2)
TABLE = rng.normal(size=(4, 5))
LABELS = rng.integers(0, 5, 4)

CASES = {
    "embedding": (partial(tg.embedding, np.array([[1, 0], [1, 3]])), TABLE),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_and_dtypes(name):
    f, *args = CASES[name]
    holds(f, *args)
    assert f(*map(single, args)).dtype == np.float32


def test_one_hot_and_embedding_choose_rows():
    rows = np.eye(5, dtype=np.float32)[LABELS]
    np.testing.assert_array_equal(tg.one_hot(LABELS, 5), rows, strict=True)
    np.testing.assert_array_equal(tg.embedding(LABELS[:3], TABLE.T), TABLE.T[LABELS[:3]])


Z = np.zeros((2, 3))
ERRORS = {
    "negative label": (lambda: tg.one_hot([-1], 3), ValueError, "label -1 is out of range"),
    "float index": (lambda: tg.embedding(Z[0], Z), TypeError, "embedding: .* they are float64"),
    "index": (lambda: tg.embedding([2], Z), ValueError, "index 2 is out of range"),
    "table": (lambda: tg.embedding([0], Z[0]), ValueError, r"table must be \(rows, features\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_does_not_fit(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f()

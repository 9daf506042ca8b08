"""Covariances and histograms of tensors: NumPy's values, and their derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
F = [1, 2, 1, 3]  # frequencies
EDGES = np.array([-3.0, -0.5, 0.25, 1.0, 5.0])
BINS = np.array([0, 2, 2, 1])

CASES = {
    "cov": (np.cov, N(3, 4)),
    "cov of a vector": (np.cov, N(4)),
    "cov of two": (lambda m, y: np.cov(m, y, bias=True), N(4), N(2, 4)),
    "cov with a list": (lambda m: np.cov(m, [1, 2, 4]) + np.cov([1, 2, 4], m), N(3)),
    "cov of many": (lambda m, w: np.cov(m, aweights=w) + np.cov(m), N(6, 200), P(200)),
    "cov of columns": (lambda m, y: np.cov(m, y, rowvar=False, ddof=2), N(4, 2), N(4)),
    "cov with frequencies": (lambda m: np.cov(m, fweights=F), N(2, 4)),
    "cov with weights": (lambda m, w: np.cov(m, aweights=w), N(2, 4), P(4)),
    "cov with weights and no correction": (
        lambda m, w: np.cov(m, ddof=0, aweights=w, fweights=F),
        *(N(2, 4), P(4)),
    ),
    "cov with both weights": (lambda m, w: np.cov(m, None, 1, 0, 1, F, w), N(2, 4), P(4)),
    "cov of complex numbers": (np.cov, C(2, 4), N(4)),
    "cov of weighted complex numbers": (lambda m, w: np.cov(m, aweights=w), C(2, 4), P(4)),
    "cov in single precision": (lambda m: np.cov(m, dtype=np.complex128), N(2, 4)),
    "corrcoef": (np.corrcoef, N(3, 4)),
    "corrcoef of two": (lambda x, y: np.corrcoef(x, y, False), N(4, 2), N(4, 1)),
    "corrcoef of complex numbers": (np.corrcoef, C(2, 4)),
    "corrcoef of a vector": (lambda x: np.corrcoef(x) + x[0], N(4)),
    # counts
    "bincount": (lambda w: np.bincount(BINS, w, minlength=5), N(4)),
    "bincount by keyword": (lambda w: np.bincount(BINS, weights=w), N(4)),
    "histogram of weights": (
        lambda w: np.histogram([0, 1, 5, 1, 3, 9], 4, (0, 5), weights=w)[0],
        N(6),
    ),
    "histogram with edges": (lambda w: np.histogram(np.arange(4), EDGES, None, True, w)[0], P(4)),
    "histogram of complex weights": (lambda w: np.histogram([1, 1, 2], 2, weights=w)[0], C(3)),
    "density": (lambda a: np.histogram(a, 3, density=True), N(8)),
    "density in a range": (lambda w: np.histogram(N(2, 3) * 0, 3, (-1, 2), True, w)[0], P(2, 3)),
    "density between edges": (lambda e: np.histogram([0, 0.9, 0.8, 2], e, density=True), EDGES),
    "edges": (lambda a: np.histogram_bin_edges(a, "sqrt"), N(3, 4)),
    "edges of nothing": (lambda a: np.histogram(a, 2)[1] * 1.0 + np.sum(a), N(0)),
    "edges of equal values": (lambda x: np.histogram_bin_edges(x, 2), N()),
    "histogram2d": (lambda x, y: np.histogram2d(x, y, [2, EDGES], density=True)[:2], N(5), N(5)),
    "histogram2d of weights": (
        lambda w: np.histogram2d([1, 2, 3, 5], [1, 5, 4, 2], EDGES, weights=w)[0],
        N(4),
    ),
    "histogramdd": (lambda x: np.histogramdd(x, (2, 3), density=True), N(6, 2)),
    "histogramdd of weights": (
        lambda w: np.histogramdd((F, F), 2, [(1, 2), (0, 4)], weights=w)[0],
        N(4),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_statistics(name):
    holds(*CASES[name])


@settings(max_examples=30, deadline=None)
@given(
    rowvar=st.booleans(),
    bias=st.booleans(),
    ddof=st.sampled_from([None, 0, 1]),
    weighted=st.tuples(st.booleans(), st.booleans()),
    rows=st.integers(1, 3),
)
def test_cov_with_any_arguments(rowvar, bias, ddof, weighted, rows):
    x = N(rows, 4) if rowvar else N(4, rows)
    fweights, w = F if weighted[0] else None, P(4)
    holds(
        lambda x, w: np.cov(
            x, None, rowvar, bias, ddof, fweights=fweights, aweights=w if weighted[1] else None
        ),
        *(x, w),
        order=1,
    )


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.integers(-2, 8), min_size=1, max_size=8),
    bins=st.integers(1, 6) | st.just([0, 1, 1.5, 6]),
)
def test_a_weight_counts_in_the_bin_that_numpy_counts_it_in(values, bins):
    holds(lambda w: np.histogram(values, bins, weights=w)[0], N(len(values)), order=1)


def test_counts_are_plain():
    (t,) = tensors(N(5))
    assert type(np.histogram(t, 3)[0]) is np.ndarray
    assert type(np.histogram(t, [0, 1, 2])[1]) is np.ndarray
    assert type(np.histogram2d(t, t)[0]) is np.ndarray


def test_correlation_is_flat_where_it_is_complete():
    x = N(5)
    jacobian = tg.grad(lambda y: np.corrcoef(x, y)[0, 1])(3 * x + 1)
    np.testing.assert_allclose(jacobian, 0, atol=1e-14)


ERRORS = {
    "ddof": (lambda t: np.cov(t, ddof=0.5), ValueError, "ddof must be an integer"),
    "lengths": (lambda t: np.cov(t, aweights=[1]), RuntimeError, "aweights must be one for each"),
    "negative": (lambda t: np.cov(t, aweights=[1, 1, -1]), ValueError, "must not be negative"),
    "fractions": (lambda t: np.cov(t, fweights=[1, 1, 0.5]), TypeError, "whole numbers"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_numpy_refuses_is_refused(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")  # NumPy's next ones
def test_no_degrees_of_freedom_are_warned_of():
    with pytest.warns(RuntimeWarning, match="degrees of freedom"):
        np.cov(*tensors(np.ones((2, 1))))

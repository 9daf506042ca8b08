"""Sorting, order statistics and sets."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, is_plain, makers, tensors

N, P, U, C = makers(4)
HOLES = np.array([[0, np.nan, 0, 0, 0], [0, 0, 0, 0, 0], [np.nan, 0, np.nan, 0, 0]])
METHODS = (
    "linear hazen weibull median_unbiased normal_unbiased interpolated_inverted_cdf lower higher "
    "midpoint nearest inverted_cdf averaged_inverted_cdf closest_observation"
).split()

# name: (function of arrays or tensors, its arguments). float64, no ties, no kinks.
CASES = {
    "sort": (
        lambda x: np.sort(x, 0) * np.sort(x, kind="stable") * np.sort(x, stable=True),
        N(4, 3),
    ),
    "sort of all, and of columns": (lambda x: np.sort(x, axis=0) * np.sort(x, None)[:3], N(4, 3)),
    "sort of all": (lambda x: np.sort(x, axis=None) ** 2, N(2, 3)),
    "sort of complex": (lambda z: np.sort(z, 0) * z * np.sort_complex(z), C(3, 2)),
    "sort_complex of reals": (lambda x: np.sort_complex(x) * x, N(4)),
    "partition": (lambda x: np.partition(x, (1, 3), axis=0) * x, N(5, 2)),
    "partition of rows": (lambda x: np.partition(x, 1) * np.partition(x, 1, axis=None)[1], N(2, 4)),
    "partition of all": (lambda x: np.partition(x, -2, None) ** 2, N(2, 3)),
    "median": (lambda x: np.median(x) * np.median(x, (1,), keepdims=True), N(3, 4)),
    "median over axes": (lambda x: np.median(x, axis=(-1, 0)) ** 2, N(3, 2, 3)),
    "nanmedian": (
        lambda x: np.nanmedian(x + HOLES, 1) * np.nanmedian(x, 0, keepdims=True).T,
        N(3, 5),
    ),
    "quantile": (lambda x: np.quantile(x, 0.3) * np.quantile(x, [0, 0.55, 1], 1), N(3, 4)),
    "quantiles over axes": (
        lambda x: np.quantile(x, [[0.1, 0.7]], axis=(0, -1), keepdims=True) ** 2,
        N(3, 2, 2),
    ),
    "quantile of the tensor": (np.quantile, N(6, 2), np.array([0.33, 0.77])),
    "percentile": (lambda x, q: np.percentile(x, q, 0) * x[0, 0], N(5, 2), np.array(37.0)),
    "percentiles": (lambda x: np.percentile(x, [25, 50, 90], axis=-1) ** 2, N(2, 5)),
    "nanquantile": (lambda x, q: np.nanquantile(x + HOLES, q, 1), N(3, 5), np.array([0.21, 0.7])),
    "nanpercentile": (lambda x: np.nanpercentile(x + HOLES, 35, axis=(0, 1)) ** 2, N(3, 5)),
    "nanquantiles over axes": (
        lambda x, q: np.nanquantile(x + HOLES[:, 1:, None], q, (0, -1), keepdims=True) ** 2,
        *(N(3, 4, 2), np.array([[0.21, 0.71, 0.43], [0.11, 0.93, 0.52]])),
    ),
    "nanpercentiles over axes": (
        lambda x, q: np.nanpercentile(x, q, axis=(2, 1)),
        *(N(2, 3, 2, 2), np.array([[21.0], [70.0]])),
    ),
    "nanquantiles over all axes": (lambda x: np.nanquantile(x, [[0.3]], axis=(0, 1)), N(3, 4)),
    "weighted quantile": (
        lambda x: np.quantile(x, [0.2, 0.8], 0, weights=[1, 2, 0, 1], method="inverted_cdf") ** 2,
        N(4, 2),
    ),
    "weighted percentile": (
        lambda x: np.percentile(x, 60, weights=x.shape * 3, method="inverted_cdf") ** 2,
        N(6)[:3],
    ),
    "unique": (lambda x: np.unique(np.append(x, x)) ** 2, N(4)),
    "unique and all": (lambda x: np.unique(np.append(x, x), True, True, True)[0] ** 2, N(4)),
    "unique rows": (lambda x: np.unique(x[[1, 0, 1]], axis=0) ** 2, N(3, 2)),
    "unique columns": (lambda x: np.unique(x, return_counts=True, axis=1)[0], N(3, 2)),
    "unique_values": (lambda x: np.unique_values(np.append(x, x)) ** 2, N(2, 3)),
    "unique_all": (lambda x: np.unique_all(x).values * np.unique_counts(x).values, N(5)),
    "unique_inverse": (lambda x: np.unique_inverse(np.append(x, x))[0] ** 2, N(5)),
    "union1d": (lambda x, y: np.union1d(x, np.append(x, y)) ** 2, N(2, 2), N(3)),
    "setxor1d": (lambda x, y: np.setxor1d(x, np.append(x[:2], y)), N(4), N(3)),
    "nothing": (
        lambda x: [np.sort(x), np.unique(x), np.partition(x, 0, 1), np.sort_complex(x)],
        N(0, 3),
    ),
    "setdiff1d": (lambda x: np.setdiff1d(x, [0.0]) * np.setdiff1d(x, [0.0], True), N(4)),
} | {
    f"{method} quantile": (
        lambda x, q, method=method: np.quantile(x, q, 0, method=method) * q[0] ** 2,
        *(N(7, 2), np.array([0.23, 0.61])),
    )
    for method in METHODS
}
if np.lib.NumpyVersion(np.__version__) >= "2.3.0":
    CASES["unique, unsorted"] = (
        lambda x: np.unique(np.append(x, x), sorted=False) ** 2,
        N(2, 3),
    )


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


KINKS = {
    # name: (function, where, its gradient there)
    "sort of equals": (lambda x: np.sort(x)[0], np.array([2.0, 1.0, 1.0]), [0.0, 1.0, 0.0]),
    "equals keep their order": (
        lambda x: np.sort(x) @ np.arange(1.0, 4),
        *(np.array([1.0, 0.0, 1.0]), [2.0, 1.0, 3.0]),
    ),
    "partition of equals": (lambda x: np.sum(np.partition(x, 1)), np.ones(3), np.ones(3)),
    "median of equals": (lambda x: np.median(x) * 2, np.ones(4), [0.0, 1.0, 1.0, 0.0]),
    "the ends": (lambda x: np.quantile(x, [0.0, 1.0]).sum(), np.array([1.0, 3.0, 2.0]), [1, 1, 0]),
    "infinite neighbours": (np.median, np.array([1.0, np.inf, -np.inf]), [1.0, 0.0, 0.0]),
    "NaN to leave out": (np.nanmedian, np.array([1.0, np.nan, 3.0]), [0.5, 0.0, 0.5]),
    "weights and equals": (
        lambda x: np.quantile(x, 0.5, weights=[1, 1], method="inverted_cdf"),
        *(np.ones(2), [0.5, 0.5]),
    ),
    "unique takes the first": (lambda x: np.unique(x)[0], np.array([2.0, 1.0, 1.0]), [0, 1, 0]),
    "past the ends": (
        tg.grad(lambda q: np.quantile(np.arange(4.0), q, method="weibull")),
        *(0.001, 0.0),
    ),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks_and_extremes(name):
    f, x, expected = KINKS[name]
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(tg.grad(f)(x), expected)


def test_a_tensor_is_not_overwritten():
    x = N(9)
    (t,) = tensors(x.copy())
    np.median(t, overwrite_input=True)
    np.quantile(t, 0.3, overwrite_input=True)
    np.testing.assert_array_equal(t.data, x)


def test_places_are_plain():
    is_plain(
        lambda x: [
            x.argsort(0),
            np.argpartition(x, 2),
            np.lexsort((x[0], x[1])),
            np.searchsorted(np.sort(x[0]), x[1]),
            np.unique(x, return_inverse=True)[1],
        ],
        N(2, 5),
    )

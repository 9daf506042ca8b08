"""Reductions and running reductions, with every argument that NumPy has for them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import agrees_with_numpy, holds, is_plain, makers, tensors

N, P, U, C = makers(3)
MASK = np.array([[True, False, True], [False, True, True]])
HOLES = np.array([[0, np.nan, 0, 0], [0, 0, np.nan, np.nan], [0, 0, 0, 0]])
LINE = HOLES[0, :3]

# name: (function of arrays or tensors, its arguments). float64, no ties, no kinks.
CASES = {
    "sum of all": (np.sum, N(2, 3)),
    "sum of one number": (np.sum, N()),
    "sum over an axis": (lambda x: np.sum(x, -1) ** 2, N(2, 3, 4)),
    "sum over axes": (lambda x: np.sum(x, axis=(0, -1), keepdims=True) ** 2, N(2, 3, 4)),
    "sum over no axis": (lambda x: np.sum(x, axis=()) ** 2, N(2, 3)),
    "sum over an axis where": (lambda x: np.sum(x**2, axis=1, where=MASK, initial=3.0), N(2, 3)),
    "sum in another dtype": (lambda x: np.sum(x, dtype=np.float64) ** 2, N(3)),
    "mean": (lambda x: np.mean(x, axis=(0, 2)) ** 2, N(2, 3, 4)),
    "mean over an axis where": (lambda x: np.mean(x**2, -1, where=MASK, keepdims=True), N(2, 3)),
    "prod of all": (np.prod, N(2, 3)),
    "prod over axes": (lambda x: np.prod(x, axis=(-1, 0)), N(2, 3, 2)),
    "prod over an axis": (lambda x: np.prod(x, axis=1, keepdims=True), N(2, 3)),
    "max of all": (np.max, N(2, 3)),
    "max over axes": (lambda x: np.max(x, axis=(0, -1)) ** 2, N(2, 3, 4)),
    "min": (lambda x: np.min(x, axis=1, keepdims=True) ** 2, N(2, 3)),
    "amax": (np.amax, N(2, 3)),
    "amin": (np.amin, N(2, 3)),
    "ptp over an axis": (lambda x: np.ptp(x, axis=0), N(4, 3)),
    "var over axes": (lambda x: np.var(x, axis=(0, 2), ddof=1), N(2, 3, 4)),
    "var of all": (np.var, N(2, 3)),
    "std over an axis": (lambda x: np.std(x, axis=-1, keepdims=True), N(2, 3)),
    "average over an axis": (lambda x, w: np.average(x, 0, w), N(3, 2), P(3)),
    "average of all": (lambda x, w: np.average(x, weights=w) + np.average(x), N(3), P(3)),
    "average over axes": (lambda x, w: np.average(x, (2, 0), w), N(2, 3, 4), P(4, 2)),
    "cumsum over an axis": (lambda x: np.cumsum(x, axis=-2) ** 2, N(3, 4)),
    "cumsum of all": (lambda x: np.cumsum(x) ** 2, N(3, 2)),
    "cumprod over an axis": (lambda x: np.cumprod(x, axis=0), N(5, 2)),
    "cumprod of all": (lambda x: np.cumprod(x), N(2, 3)),
    "var, std, prod and mean of complex": (
        lambda z: np.var(z) + np.prod(z) + np.mean(z) * np.std(z),
        C(3),
    ),
    "running products of complex": (lambda z: np.cumprod(z) * np.cumsum(z), C(3)),
    "sum": (lambda x: np.sum(x, (0, -1), None, None, True) ** 2 + np.sum(x, axis=()), N(2, 3)),
    "sum where": (lambda x: x.sum(-1, where=MASK, initial=2.0) ** 2, N(2, 3)),
    "sum where it broadcasts": (lambda x: np.sum(x**2, where=[[True], [False]]), N(2, 3)),
    "mean where": (
        lambda x: np.mean(x, 0, where=MASK) * x.mean(where=[True, True, False]),
        N(2, 3),
    ),
    "mean of long rows": (lambda x: np.mean(x, axis=1, keepdims=True) ** 2, N(2, 300)),
    "prod": (lambda x: np.prod(x, (), keepdims=True) * x.prod(initial=0.5), N(2, 3)),
    "prod where": (lambda x: np.prod(x, 1, where=MASK, initial=-2.0, keepdims=True), N(2, 3)),
    "prod of complex": (lambda z: np.prod(z, (0, 2), where=[[True], [True], [False]]), C(2, 3, 2)),
    "max": (lambda x: np.max(x, -1, initial=0.1) * x.min((1, 0), initial=0.2), N(2, 3)),
    "max where": (lambda x: np.max(x, 1, where=MASK, initial=-9.0, keepdims=True) ** 2, N(2, 3)),
    "max over nothing": (lambda x: np.amax(x, axis=()) * np.amin(x, axis=()), N(2, 3)),
    "max of complex": (lambda z: np.max(z, 0) * np.min(z), C(3, 2)),
    "ptp": (lambda x: np.ptp(x, (0, 1), keepdims=True) * np.ptp(x, axis=1, keepdims=True), N(2, 3)),
    "var": (lambda x: np.var(x, (0, 2), None, None, 1, True) + x.var(axis=()), N(2, 3, 2)),
    "var where": (lambda x: np.var(x, 1, where=MASK, ddof=0.5) * x.var(where=MASK), N(2, 3)),
    "var where one is left": (
        lambda x: np.var(x, 1, where=[True, False], ddof=0.5, mean=0.0),
        N(3, 2),
    ),
    "var by correction": (lambda x: np.var(x, -1, correction=1), N(2, 3)),
    "var about its mean": (lambda x: np.var(x, 1, mean=np.mean(x, 1, keepdims=True)), N(2, 3)),
    "var about any mean": (lambda x, m: np.var(x, 0, mean=m) * np.std(x, 0, mean=m), N(4, 3), N(3)),
    "var of complex": (lambda z: np.var(z, 0, ddof=1) * np.std(z, 0), C(3, 2)),
    "var of complex about": (lambda z, m: np.var(z, 0, mean=m), C(3, 2), C(2)),
    "std": (lambda x: np.std(x, (0, 2), ddof=1) * x.std(None, None, None, 1, True), N(2, 3, 2)),
    "std where": (lambda x: np.std(x, 1, where=MASK), N(2, 3)),
    "average": (lambda x, w: np.average(x, -1, w, True), N(2, 3), P(2, 3)),
    "average without": (lambda x: np.average(x, (0, 1), returned=True, keepdims=True)[0], N(2, 3)),
    "average of axes": (lambda x, w: np.average(x, (2, 0), w, keepdims=True), N(2, 3, 4), P(4, 2)),
    "average of integers": (lambda w: np.square(np.average([1, 2, 3], weights=w)), P(3)),
    "average by integers": (lambda x: np.average(x, weights=[1, 2, 3], axis=1) ** 2, N(2, 3)),
    "nansum": (lambda x: np.nansum(x + HOLES, 0) ** 2 + np.nansum(x, initial=2.0), N(3, 4)),
    "nansum where": (lambda x: np.nansum(x + LINE, 1, where=MASK, keepdims=True) ** 2, N(2, 3)),
    "nanmean": (lambda x: np.nanmean(x + HOLES, -1) * np.nanmean(x, (0, 1)), N(3, 4)),
    "nanmean where": (lambda x: np.nanmean(x + LINE, where=MASK) ** 2, N(2, 3)),
    "nanprod": (lambda x: np.nanprod(x + HOLES, -1) * np.nanprod(x[0] + LINE[0]), N(3, 4)),
    "nanmax": (lambda x: np.nanmax(x + HOLES, 0) * np.nanmin(x + HOLES, -1, None, True), N(3, 4)),
    "nanmax where": (lambda x: np.nanmax(x + LINE, 1, where=MASK, initial=-9) ** 2, N(2, 3)),
    "nanvar": (lambda x: np.nanvar(x + HOLES, 1, ddof=1) * np.nanvar(x, keepdims=True), N(3, 4)),
    "nanvar where": (lambda x: np.nanvar(x + LINE, where=MASK), N(2, 3)),
    "nanvar about a mean": (lambda x, m: np.nanvar(x + HOLES, 0, mean=m), N(3, 4), N(4)),
    "nanstd": (lambda x: np.nanstd(x + HOLES, (-1,), correction=0.5), N(3, 4)),
    "nan of complex": (lambda z: np.nanvar(z + LINE) + np.nansum(z + LINE) ** 2, C(2, 3)),
    "nancumsum": (lambda x: np.nancumsum(x + HOLES, 1) ** 2, N(3, 4)),
    "nancumprod": (lambda x: np.nancumprod(x + LINE) ** 2, N(2, 3)),
    "cumsum": (lambda x: x.cumsum(-1, None, None) * x.cumsum(axis=0), N(2, 3)),
    "cumsum of a number": (lambda x: np.cumsum(x) ** 2 * np.cumprod(x, 0), N()),
    "cumprod": (lambda x: x.cumprod(1) * np.cumprod(x, dtype=x.dtype).reshape(2, 3), N(2, 3)),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True) ** 2, N(2, 3)),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, include_initial=True), N(4)),
    "cumulative": (lambda x: np.cumulative_sum(x) * np.cumulative_prod(x, axis=-1), C(4)),
    "log of a sum of exp": (
        lambda x: np.log(np.sum(np.exp(x - x.max(1, keepdims=True)), 1)),
        N(2, 3),
    ),
    "nothing": (lambda x: [np.sum(x), np.prod(x), np.cumsum(x), np.cumprod(x)], N(0, 3)),
    "rows of nothing": (lambda x: np.sum(x, 1) + np.prod(x, 1) + np.max(x, 1), N(0, 3)),
    "in another dtype": (lambda x: np.sum(x, dtype="f8") * np.var(x, dtype="f8") ** 2, N(2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


REDUCTIONS = (
    "sum mean prod max min var std ptp nansum nanmean nanprod nanmax nanmin nanvar nanstd "
    "median nanmedian"
).split()


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_reduction_of_any_shape_over_any_axes(data):
    name = data.draw(st.sampled_from(REDUCTIONS))
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    axis = data.draw(
        st.none()
        | st.integers(-len(shape), len(shape) - 1)
        | st.lists(st.integers(0, len(shape) - 1), unique=True).map(tuple)
    )
    options = {"axis": axis, "keepdims": data.draw(st.booleans())}
    if axis == () and name.endswith("median"):
        options["axis"] = None
    if name not in ("ptp", "median", "nanmedian") and data.draw(st.booleans()):
        options["where"] = np.arange(np.prod(shape)).reshape(shape) % 3 != 1
        if name in ("max", "nanmax"):
            options["initial"] = -10.0
        elif name in ("min", "nanmin"):
            options["initial"] = 10.0
        elif name.endswith(("mean", "var", "std")):
            shape, options["where"] = (3, *shape), np.ones(3, bool).reshape(3, *[1] * len(shape))
    x = np.random.default_rng(len(shape)).permutation(np.arange(1.0, np.prod(shape) + 1))
    x = x.reshape(shape) / 7

    def f(x):
        return getattr(np, name)(x, **options) * 1.5

    agrees_with_numpy(f, x)
    if not (name.endswith("std") and np.any(f(x) == 0)):  # a kink
        tg.check_grads(f, (x,))


@pytest.mark.parametrize("zeros", [[], [1], [1, 3], [0, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize(
    "f",
    [
        np.prod,
        np.cumprod,
        lambda x: np.prod(x, where=[True, True, True, False, True]),
        lambda x: np.multiply.reduce(x, initial=3.0),
        lambda x: np.nanprod(np.append(x, np.nan)),
        np.nancumprod,
        lambda x: np.cumulative_prod(x, include_initial=True),
        lambda x: np.prod(x + 0j),
    ],
)
def test_products_differentiate_at_zeros(f, zeros):
    x = N(5)
    x[zeros] = 0
    tg.check_grads(f, (x,), order=3)


NAN = np.array([[1.0, 2.0, 4.0], [np.nan, np.nan, np.nan]])
KINKS = {
    # name: (function, where, its gradient there)
    "std of equals": (np.std, np.full((2, 2), 3.0), np.zeros((2, 2))),
    "nanstd of equals": (np.nanstd, np.array([1.0, np.nan, 1.0]), np.zeros(3)),
    "var of one": (np.var, np.ones(1), [0.0]),
    "var of equals, twice": (lambda x: tg.grad(np.var)(x)[0], np.ones(2), [0.5, -0.5]),
    "ties of max": (lambda x: np.sum(np.max(x, 0)), np.eye(2), np.eye(2)),
    "ties of max, of all": (np.max, np.array([3.0, 1.0, 3.0]), [0.5, 0.0, 0.5]),
    "ties of min": (np.min, np.array([[2.0, 1.0], [1.0, 1.0]]), [[0, 1 / 3], [1 / 3, 1 / 3]]),
    "ties of nanmax": (np.nanmax, np.array([1.0, np.nan, 1.0]), [0.5, 0.0, 0.5]),
    "ties with initial": (lambda x: np.max(x, initial=1.0), np.array([1.0, 0.0]), [0.5, 0.0]),
    "initial alone": (lambda x: np.max(x, initial=9.0), np.array([1.0, 0.0]), [0.0, 0.0]),
    "ties outside of where": (
        lambda x: np.max(x, initial=0, where=[True, True, False]),
        *(np.ones(3), [0.5, 0.5, 0.0]),
    ),
    "max of infinities": (np.max, np.array([np.inf, 1.0]), [1.0, 0.0]),
    "ptp of equals": (np.ptp, np.ones(2), np.zeros(2)),
    "nansum of nothing": (lambda x: np.nansum(x, 1).sum(), NAN, np.isfinite(NAN) / 1),
    "nanmean of nothing": (lambda x: np.nansum(np.nanmean(x, 1)), NAN, np.isfinite(NAN) / 3),
    "nanstd of nothing": (
        lambda x: np.nansum(np.nanstd(x, 1)),
        *(NAN, [tg.grad(np.std)(NAN[0]), [0, 0, 0]]),
    ),
    "nanmax of nothing": (lambda x: np.nansum(np.nanmax(x, 1)), NAN, [[0, 0, 1.0], [0, 0, 0]]),
    "hidden NaN": (lambda x: np.mean(x, where=~np.isnan(x)), NAN, np.isfinite(NAN) / 3),
    "hidden infinity": (
        lambda x: np.var(x, where=[True, True, False]),
        *(np.array([1.0, 3.0, np.inf]), [-1.0, 1.0, 0.0]),
    ),
    "nothing": (lambda x: np.sum(x) + np.prod(x) + np.max(x, initial=2), np.ones(0), np.ones(0)),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks_and_extremes(name):
    f, x, expected = KINKS[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty|Degrees|All-NaN")
        np.testing.assert_allclose(tg.grad(f)(x), expected, rtol=1e-14, strict=True)


DISCRETE = {
    "counts": lambda x: (np.count_nonzero(x > 0, axis=0), np.size(x), x.any(), np.all(x, 1)),
    "places": lambda x: (x.argmax(0), np.argmin(x, -1, keepdims=True), np.nanargmax(x)),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    is_plain(DISCRETE[name], N(2, 3))


ERRORS = {
    "initial": (lambda t: np.max(t, initial=t[0]), TypeError, "max: initial can't be a Tensor"),
    "out of sum": (
        lambda t: np.sum(t, out=np.ones(())),
        TypeError,
        "sum: out= would write a Tensor",
    ),
    "out": (lambda t: np.var(t, out=np.ones(())), TypeError, "var: out= would write a Tensor"),
    "out of ptp": (lambda t: np.ptp(t, out=np.ones(())), TypeError, r"np\.ptp: out="),
    "axis": (lambda t: np.cumulative_sum(t[None]), ValueError, "cumulative_sum: axis must be"),
    "weights": (lambda t: np.average(t, weights=[1, 2]), TypeError, "axis must be given"),
    "no weight": (lambda t: np.average(t, weights=t - t), ZeroDivisionError, "sum to zero"),
    "two corrections": (lambda t: np.var(t, ddof=1, correction=1), ValueError, "can't be provided"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))


def test_arrays_are_reduced_where_a_tensor_tells():
    x, mask = np.array([1.0, 2.0, 4.0]), tg.Tensor([True, False, True])
    assert (np.sum(x, where=mask), x.mean(where=mask)) == (5.0, 2.5)

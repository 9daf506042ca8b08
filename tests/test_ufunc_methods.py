"""Keywords (`where=`, `dtype=`) and methods (`np.add.reduce`) of universal functions."""

import functools
import itertools

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import agrees_with_numpy, holds, is_plain, makers, slopes, tensors

N, P, U, C = makers(2)
MASK = np.array([[True, False, True], [False, True, True]])
X = N(2, 3)
P23 = P(2, 3)

CASES = {
    # keywords
    "in another dtype": (lambda x: np.exp(x, dtype=np.float64) * x, N(3)),
    "in a complex dtype": (lambda x, y: np.multiply(x, y, dtype=np.complex128), N(3), N(2, 1)),
    "in a complex loop": (lambda z: np.abs(z, dtype=np.float64), C(3)),
    "order and subok": (lambda x: np.add(x, 2, order="F", subok=False, out=None) * x, N(2, 3)),
    "where everything": (lambda x: np.log(x, where=True) * x, P(3)),
    # methods
    "add.reduce": (lambda x: np.add.reduce(x) * np.add.reduce(x, (0, 1), keepdims=True), N(2, 3)),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, -1, initial=2.0, where=MASK), N(2, 3)),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, axis=None) * np.minimum.reduce(x), N(2, 3)),
    "fmax.reduce": (
        lambda x: np.fmax.reduce(x + np.array([[0, np.nan, 0], [0, 0, 0]])) * np.fmin.reduce(x),
        N(2, 3),
    ),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x, 1) + np.logaddexp2.reduce(x, (0, 1)), X),
    "logaddexp.reduce where": (
        lambda x: np.logaddexp.reduce(x, 1, where=MASK, initial=0.5, keepdims=True),
        N(2, 3),
    ),
    "subtract.reduce": (lambda x: np.subtract.reduce(x, 1)[0] * np.divide.reduce(x), P(2, 3)),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, (0, -1), where=MASK[..., None]), N(2, 3, 2)),
    "hypot.reduce to the end": (lambda x: np.hypot.reduce(x, None) ** 3, N(2, 3)),
    "add.accumulate": (lambda x: np.add.accumulate(x) * np.multiply.accumulate(x, 1), N(2, 3)),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, -1) ** 2, N(2, 5)),
    "logaddexp.accumulate": (lambda x: np.logaddexp.accumulate(x, dtype=x.dtype), N(4, 2)),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 3, 1, 4], 1) ** 2, N(2, 5)),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [1, 3]), N(5, 2)),
    "maximum.reduceat": (lambda x: np.maximum.reduceat(x, [0, 2]), N(5)),
    "reduceat nothing": (lambda x: np.multiply.reduceat(x, []), N(5)),
    "reduce a number": (lambda x: np.hypot.reduce(x) * np.subtract.reduce(x), N()),
    "multiply.outer": (np.multiply.outer, N(2), N(3, 2)),
    "hypot.outer": (lambda x, y: np.hypot.outer(x, y) * np.add.outer([1.0, 2], y), N(2), N(3)),
    "outer with a number": (lambda x: np.subtract.outer(x, 2) * np.power.outer(2.0, x), N(3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


METHODS = {
    # name: (for an array and an axis, for the numbers of a column)
    "reduce": (lambda f, x, axis: f.reduce(x, axis), lambda f, c: functools.reduce(f, c)),
    "reduce initial": (
        lambda f, x, axis: f.reduce(x, axis, initial=2, keepdims=True),
        lambda f, c: [functools.reduce(f, c, f.reduce(c).dtype.type(2))],
    ),
    "reduce where": (
        lambda f, x, axis: f.reduce(x, axis, initial=2, where=np.real(x) > 1),
        lambda f, c: functools.reduce(f, c[np.real(c) > 1], f.reduce(c).dtype.type(2)),
    ),
    "accumulate": (
        lambda f, x, axis: f.accumulate(x, axis),
        lambda f, c: [*itertools.accumulate(c, f)],
    ),
    "reduceat": (
        lambda f, x, axis: f.reduceat(x, [0, x.shape[axis] - 1, x.shape[axis] // 2], axis),
        lambda f, c: [functools.reduce(f, p) for p in (c[:-1], c[-1:], c[len(c) // 2 :])],
    ),
}


def takes(ufunc, of_array, kind):
    try:
        return of_array(ufunc, np.ones(2, kind), 0).dtype.kind != "b"
    except TypeError:
        return False


CALLS = {  # of each method of each function of two numbers: the dtypes that it takes
    f"{ufunc.__name__}.{name}": (ufunc, *methods, kinds)
    for ufunc, (name, methods) in itertools.product(vars(np).values(), METHODS.items())
    if isinstance(ufunc, np.ufunc) and (ufunc.nin, ufunc.nout, ufunc.signature) == (2, 1, None)
    if (kinds := [kind for kind in "efdgFDhil" if takes(ufunc, methods[0], kind)])
}


@pytest.mark.filterwarnings("ignore")  # where integers overflow
@pytest.mark.parametrize("name", CALLS)
def test_methods_go_from_number_to_number(name):
    """NumPy's own don't everywhere: with AVX-512, `np.power.reduce([2.0, 3, 2])` is 2.0 ** 2."""
    ufunc, of_array, of_column, kinds = CALLS[name]
    rng = np.random.default_rng(0)
    for kind, n in itertools.product(kinds, (2, 3, 9, 17)):
        for shape, axis in (((n,), 0), ((n, 3), 0), ((3, n), -1), ((2, n, 3), 1)):
            x = rng.uniform(0.6, 2.4, shape).astype(kind)
            expected = np.apply_along_axis(lambda c: of_column(ufunc, c), axis, x)
            found = of_array(ufunc, tg.Tensor(x, requires_grad=x.dtype.kind in "fc"), axis)
            rtol = 200 * np.finfo(expected.dtype).eps if expected.dtype.kind in "fc" else 0
            np.testing.assert_allclose(getattr(found, "data", found), expected, rtol)


BY_HAND = {
    # name: (a method, the same in single calls)
    "power.reduce": (
        lambda x: np.power.reduce(x, -1, keepdims=True),
        lambda x: (x[:, :1] ** x[:, 1:2]) ** x[:, 2:],
    ),
    "power.reduce where": (
        lambda x: np.power.reduce(x, 1, where=MASK, initial=2.0),
        lambda x: np.stack([(2.0 ** x[0, 0]) ** x[0, 2], (2.0 ** x[1, 1]) ** x[1, 2]]),
    ),
    "arctan2.reduce": (
        lambda x: np.arctan2.reduce(x.T),
        lambda x: np.arctan2(np.arctan2(x[:, 0], x[:, 1]), x[:, 2]),
    ),
    "power.reduceat": (
        lambda x: np.power.reduceat(x, [0, 2, 1], 1),
        lambda x: np.stack([x[:, 0] ** x[:, 1], x[:, 2], x[:, 1] ** x[:, 2]], 1),
    ),
    "power.accumulate": (
        lambda x: np.power.accumulate(x[0]),
        lambda x: np.stack([x[0, 0], x[0, 0] ** x[0, 1], (x[0, 0] ** x[0, 1]) ** x[0, 2]]),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_and_derivatives_are_those_of_single_calls(name):
    method, calls = BY_HAND[name]
    for of in (
        lambda f: f(*tensors(P23)).data,
        lambda f: tg.jacobian(f)(P23),
        lambda f: tg.jacobian(tg.jacobian(f))(P23),
    ):
        np.testing.assert_allclose(of(method), of(calls), rtol=1e-12)


def test_a_lower_precision_may_be_asked_for():
    agrees_with_numpy(lambda x: np.add(x, 1, dtype="f4", casting="unsafe") + 0 * x, P(3))


MASKED = {
    # name: (function, where, its gradient there, the diagonal of its Hessian)
    "log": (
        lambda x: np.log(x, where=x > 0, out=None),
        [2.0, 0.0, -1.0],
        [0.5, 0, 0],
        [-0.25, 0, 0],
    ),
    "sqrt": (
        lambda x: np.sqrt(x, where=x > 0, out=None),
        [4.0, 0.0, -1.0],
        [0.25, 0, 0],
        [-1 / 32, 0, 0],
    ),
    "divide": (
        lambda x: np.divide(1, x, where=x != 0, out=None),
        [2.0, 0.0],
        [-0.25, 0],
        [0.25, 0],
    ),
    "broadcast": (
        lambda x: np.add(x**2, 1, where=[[True], [False]], out=None),
        [2.0, 3.0],
        [4, 6],
        [2, 2],
    ),
    "modf": (
        lambda x: np.modf(x, where=x > 0, out=(None, None))[0] ** 2,
        [1.5, -0.5],
        [1, 0],
        [2, 0],
    ),
    "number": (lambda x: np.multiply(x[0], x[0], where=[True, False], out=None), [3.0], [6], [2]),
    "in dtype": (
        lambda x: np.reciprocal(x, where=[True, False], dtype="f8", out=None),
        [2, 0],
        [-0.25, 0],
        [0.25, 0],
    ),
}


@pytest.mark.parametrize("name", MASKED)
def test_where_hides_what_is_infinite_and_leaves_0(name):
    f, x, gradient, second = MASKED[name]
    x = np.array(x, float)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(slopes(f, x), [gradient, second])
        output = f(*tensors(x)).data
    # what NumPy computes is the same; the rest it leaves undefined
    np.testing.assert_array_equal(output[output != 0], f(x)[output != 0], strict=True)


KINKS = {
    # name: (function, where, its gradient there)
    "logaddexp.reduce": (np.logaddexp.reduce, np.array([-1e9, 1000.0, 1000.0]), [0, 0.5, 0.5]),
    "logaddexp.reduce at -inf": (np.logaddexp.reduce, np.full(4, -np.inf), np.full(4, 0.25)),
    "logaddexp.reduce at inf": (np.logaddexp2.reduce, np.array([1.0, np.inf]), [0.0, 1.0]),
    "fmax.reduce of ties": (np.fmax.reduce, np.array([1.0, np.nan, 1.0]), [0.5, 0.0, 0.5]),
    "nothing to reduce": (lambda x: np.logaddexp(np.hypot.reduce(x), 0), np.zeros(0), np.zeros(0)),
    "nothing to accumulate": (lambda x: np.sum(np.hypot.accumulate(x)), np.zeros(0), np.zeros(0)),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks_and_extremes(name):
    f, x, expected = KINKS[name]
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(tg.grad(f)(x), expected, rtol=1e-9, atol=0)


DISCRETE = {
    "reductions": lambda x: (np.logical_or.reduce(x), np.floor_divide.reduce(x, axis=1)),
    "running": lambda x: np.logical_and.accumulate(x, 1),
    "pairs": lambda x: np.less.outer(x, x),
    "pieces": lambda x: np.logical_xor.reduceat(x, [0, 1]),
    "masked": lambda x: np.isnan(x, where=[True, True, True], out=None),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    is_plain(DISCRETE[name], X)


NO_RULE = np.frompyfunc(lambda x, y: x + y, 2, 1)
ERRORS = {
    "out": (lambda t: np.exp(t, out=np.ones(3)), TypeError, r"np\.exp: out= "),
    "out of reduce": (lambda t: np.add.reduce(t, out=np.ones(())), TypeError, r"np\.add: out= "),
    "at": (
        lambda t: np.add.at(np.ones(3), [0, 0, 1], t),
        TypeError,
        r"np\.add\.at: it works in place.*\.at\[index\]\.add",
    ),
    "signature": (lambda t: np.exp(t, signature="d->d"), NotImplementedError, "exp: signature="),
    "no rule": (NO_RULE.reduce, NotImplementedError, r"lambda.*\.reduce has no derivative rule"),
    "casting": (
        lambda t: np.add(t, 1, dtype=np.float32, casting="no"),
        TypeError,
        "Cannot cast",
    ),
    "several axes": (lambda t: np.subtract.reduce(t[None], (0, 1)), ValueError, "reorderable"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))


A, T = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0])
OUT = {  # name: (a guard against what is not defined, the same written with np.where)
    "divide": (
        lambda t: np.divide(A, t, out=np.zeros_like(A), where=t != 0),
        lambda t: np.where(t != 0, A / np.where(t != 0, t, 1), 0),
    ),
    "log": (
        lambda t: np.log(t, out=np.full(3, -7.0), where=t > 0),
        lambda t: np.where(t > 0, np.log(np.where(t > 0, t, 1)), -7.0),
    ),
    "broadcast": (
        lambda t: np.multiply(
            t, np.ones((2, 1)), out=np.full((2, 3), 5.0), where=[[True], [False]]
        ),
        lambda t: np.where([[True], [False]], t, 5.0),
    ),
    "two outputs": (
        lambda t: np.modf(t, out=(np.full(3, 9.0), np.zeros(3)), where=t > 2)[0],
        lambda t: np.where(t > 2, t % 1, 9.0),
    ),
    "single precision": (
        lambda t: np.sqrt(t, out=np.zeros(3, np.float32), where=t > 0) * np.float32(1),
        lambda t: np.where(t > 0, np.sqrt(np.where(t > 0, t, 1)), 0).astype(np.float32),
    ),
}


@pytest.mark.parametrize("name", OUT)
def test_out_with_where_means_a_choice(name):
    f, same = OUT[name]
    for g in (f, same):
        assert g(*tensors(T)).requires_grad
    np.testing.assert_array_equal(f(*tensors(T)).data, same(*tensors(T)).data, strict=True)
    for order in (tg.grad, lambda h: tg.grad(lambda x: np.sum(tg.grad(h)(x) ** 2))):
        found, expected = (order(lambda x, g=g: np.sum(g(x) ** 2))(T) for g in (f, same))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_array_given_as_out_is_not_mistaken_for_the_result():
    """Its numbers would have no gradient, so it holds none."""
    out = np.full(3, 7.0)
    np.divide(A, tensors(T)[0], out=out, where=T != 0)
    np.testing.assert_array_equal(out, [7, np.nan, np.nan])
    for wrong in (np.zeros(3, int), np.zeros(2), tg.Tensor(np.zeros(3))):
        with pytest.raises(TypeError, match=r"^np\.divide: out= with where= must be an array"):
            np.divide(A, tensors(T)[0], out=wrong, where=T != 0)

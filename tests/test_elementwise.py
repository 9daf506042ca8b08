"""Universal functions: their derivatives, keywords and methods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.operation_checks import Draw, holds, tensors, values_are_numpys

draw = Draw(2)
N, P, U, C = draw.normal, draw.positive, draw.unit, draw.complex
MASK = np.array([[True, False, True], [False, True, True]])
X = N(2, 3)

# name: (function of arrays or tensors, its arguments). float64, no ties, no kinks.
CASES = {
    # numbers in parts
    "modf": (np.modf, N(6) * 3),
    "frexp": (lambda x: np.frexp(x)[0] * x, N(6) * 9),
    "frexp and ldexp": (lambda x: np.ldexp(*np.frexp(x**2)), N(4) * 9),
    "ldexp": (lambda x: np.ldexp(x, [1, 2, -3]) ** 2, N(2, 3)),
    "ldexp of an integer": (lambda x: np.ldexp(x, 2) * x, N()),
    "nextafter": (lambda x: np.nextafter(x, 9) * x, N(3)),
    "copysign": (lambda x: np.copysign(x, [-1.0, 1.0, -0.0]) * x, N(3)),
    "heaviside": (lambda h: np.heaviside([-1.0, 0.0, 2.0], h) * h, N(3)),
    "remainders": (lambda x, y: np.mod(x, y) * np.fmod(x, y) + divmod(x, y)[1], N(5) * 9, P(5)),
    # aliases of NumPy 2
    "inverse functions": (lambda x: np.acos(x) + np.asin(x) + np.atan(x) + np.atanh(x), U(4)),
    "inverse hyperbolic": (lambda x: np.acosh(1 + x) + np.asinh(x), P(4)),
    "atan2 and pow": (lambda x, y: np.atan2(x, y) * np.pow(x, y), P(3), N(3)),
    "abs and conj": (lambda z: np.abs(z) * np.conj(z), C(3)),
    "float_power": (lambda x, y: np.float_power(x, y) + np.float_power(2, y), P(3), N(3)),
    # choices
    "clip by tensors": (np.clip, N(4, 3), np.array(-0.4), np.array([0.5, 0.6, 0.7])),
    "clip by crossed bounds": (np.clip, N(9), np.array(0.5), np.array(-0.4)),
    "clip by max": (lambda x, y: np.clip(x, max=y) + x.clip(None, y, None), N(9), N()),
    "clip by min": (lambda x, y: np.clip(x, min=y) + x.clip(y), N(9), N()),
    "nan_to_num": (lambda x: np.nan_to_num(x + np.array([1, np.nan, np.inf]), posinf=3) * x, N(3)),
    "sign of complex": (lambda z: np.sign(z) * z, C(4)),
    "nan_to_num of complex": (
        lambda z: np.nan_to_num(z + np.array([0, np.nan, -1j * np.inf]), neginf=2) * z,
        C(3),
    ),
    "real_if_close": (lambda z: np.real_if_close(z) * np.real_if_close(np.real(z) + 0j), C(3)),
    "where": (lambda x, y: np.where([[True], [False]], x, y) * x, N(3), N(2, 1)),
    # keywords
    "in another dtype": (lambda x: np.exp(x, dtype=np.float64) * x, N(3)),
    "in a complex dtype": (lambda x, y: np.multiply(x, y, dtype=np.complex128), N(3), N(2, 1)),
    "in a complex loop": (lambda z: np.abs(z, dtype=np.float64), C(3)),
    "in float32": (lambda x: np.add(x, 1, dtype="f4", casting="unsafe") + 0 * x, np.array([1.0])),
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
    "power.reduce": (lambda x: np.power.reduce(x, -1, keepdims=True), P(2, 3)),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, (0, -1), where=MASK[..., None]), N(2, 3, 2)),
    "hypot.reduce to the end": (lambda x: np.hypot.reduce(x, None) ** 3, N(2, 3)),
    "add.accumulate": (lambda x: np.add.accumulate(x) * np.multiply.accumulate(x, 1), N(2, 3)),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, -1) ** 2, N(2, 5)),
    "logaddexp.accumulate": (lambda x: np.logaddexp.accumulate(x, dtype=x.dtype), N(4, 2)),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 3, 1, 4], 1) ** 2, N(2, 5)),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [1, 3]), N(5, 2)),
    "maximum.reduceat": (lambda x: np.maximum.reduceat(x, [0, 2]), N(5)),
    "multiply.outer": (np.multiply.outer, N(2), N(3, 2)),
    "hypot.outer": (lambda x, y: np.hypot.outer(x, y) * np.add.outer([1.0, 2], y), N(2), N(3)),
    "outer with a number": (lambda x: np.subtract.outer(x, 2) * np.power.outer(2.0, x), N(3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, *args = CASES[name]
    if name == "in float32":
        return values_are_numpys(f, args)
    return holds(f, args)


BINARY = (
    "add subtract multiply divide power float_power hypot arctan2 logaddexp logaddexp2 maximum "
    "minimum fmax fmin remainder fmod copysign"
).split()


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_two_operands_of_any_shapes_and_dtypes(data):
    function = getattr(np, data.draw(st.sampled_from(BINARY)))
    whole = data.draw(st.lists(st.integers(0, 3), max_size=3))
    rng = np.random.default_rng(len(whole))
    operands = []
    for _ in range(2):
        shape = [data.draw(st.sampled_from([n, 1])) for n in whole]
        shape = shape[data.draw(st.integers(0, len(shape))) :]
        dtype = data.draw(st.sampled_from(["f2", "f4", "f8"]))
        operands.append(rng.uniform(0.3, 2.0, shape).astype(dtype))
    output, pullback = tg.vjp(function, *operands)
    np.testing.assert_array_equal(output, function(*operands), strict=True)
    for gradient, x in zip(pullback(np.ones_like(output)), operands, strict=True):
        assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
    tg.check_grads(function, [x.astype(float) for x in operands])


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
    total = tg.grad(lambda x: np.sum(f(x)))
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(total(x), gradient)
        np.testing.assert_array_equal(tg.grad(lambda x: np.sum(total(x)))(x), second)
        output = f(*tensors(x)).data
    # what NumPy computes is the same; the rest it leaves undefined
    np.testing.assert_array_equal(output[output != 0], f(x)[output != 0], strict=True)


KINKS = {
    # name: (function, where, its gradient there)
    "power 0": (lambda x: x**0, 0.0, 0.0),
    "power of zero": (lambda y: np.power(0.0, y), 2.0, 0.0),
    "power 0 of 0, both": (lambda x: x**x * 0 + 0.0**x, 1.0, 0.0),
    "square, twice": (tg.grad(lambda x: np.power(x, np.array(2.0))), 0.0, 2.0),
    "square of a complex 0": (lambda x: np.real((x + 0j) ** 2), 0.0, 0.0),
    "first power, twice": (tg.grad(lambda x: x ** np.array(1.0)), 0.0, 0.0),
    "cube, three times": (tg.grad(tg.grad(lambda x: x**3)), 0.0, 6.0),
    "sign": (lambda z: np.real(np.sign(z + 0j)), 0.0, 0.0),
    "arctan2 at the origin": (lambda x: np.arctan2(x, 0 * x), 0.0, 0.0),
    "arctan2 far out": (lambda x: np.arctan2(x, 1e200) * 1e200, 1e200, 0.5),
    "hypot far out": (lambda x: np.hypot(x, 1e200), 0.0, 0.0),
    "arctanh near 1": (np.arctanh, 1 - 2.0**-40, 2.0**39 / (1 - 2.0**-41)),
    "ties of maximum": (lambda x: np.maximum(x, x[::-1])[0], np.ones(2), [0.5, 0.5]),
    "ties of fmin": (lambda x: np.fmin(x, 1.0).sum(), np.ones(2), [0.5, 0.5]),
    "fmax with NaN": (lambda x: np.fmax(x, np.nan).sum(), np.ones(2), [1.0, 1.0]),
    "crossed clip": (lambda x: np.sum(np.clip(x, 3.0, 2.0)), np.array([1.0, 9.0]), [0, 0]),
    "logaddexp of 1000": (lambda x: np.logaddexp(1000.0, x), 1000.0, 0.5),
    "logaddexp of -1000": (lambda x: np.logaddexp(x, 1000.0), -1000.0, 0.0),
    "logaddexp of -inf": (lambda x: np.logaddexp(x, -np.inf), 1.0, 1.0),
    "logaddexp at -inf": (lambda x: np.logaddexp(x, 1.0), -np.inf, 0.0),
    "logaddexp at both": (lambda x: np.logaddexp(x, -np.inf), -np.inf, 0.5),
    "logaddexp at inf": (lambda x: np.logaddexp2(1.0, x), np.inf, 1.0),
    "logaddexp twice at both": (tg.grad(lambda x: np.logaddexp(x, -np.inf)), -np.inf, 0.0),
    "logaddexp.reduce": (np.logaddexp.reduce, np.array([-1e9, 1000.0, 1000.0]), [0, 0.5, 0.5]),
    "logaddexp.reduce at -inf": (np.logaddexp.reduce, np.full(4, -np.inf), np.full(4, 0.25)),
    "logaddexp.reduce at inf": (np.logaddexp2.reduce, np.array([1.0, np.inf]), [0.0, 1.0]),
    "fmax.reduce of ties": (np.fmax.reduce, np.array([1.0, np.nan, 1.0]), [0.5, 0.0, 0.5]),
    "nothing to reduce": (lambda x: np.logaddexp(np.hypot.reduce(x), 0), np.zeros(0), np.zeros(0)),
    "nothing to accumulate": (lambda x: np.sum(np.hypot.accumulate(x)), np.zeros(0), np.zeros(0)),
    "where it is 0": (lambda x: np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x)), 0.0, 0.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks_and_extremes(name):
    f, x, expected = KINKS[name]
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(tg.grad(f)(x), expected, rtol=1e-9, atol=0)


HIDDEN = {
    # name: (function, where, its gradient there, the diagonal of its Hessian)
    "sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0), [4, 0, -1], [0.25, 0, 0], [-1 / 32, 0, 0]),
    "log": (lambda x: np.where(x > 0, x * np.log(x), 0), [1, 0, -1], [1, 0, 0], [1, 0, 0]),
    "power": (lambda x: np.where(x > 0, x**1.5, x), [4, 0, -1], [3, 1, 1], [0.375, 0, 0]),
    "1/x": (lambda x: np.where(x == 0, 0, 1 / x), [2, 0], [-0.25, 0], [0.25, 0]),
    "sin x / x": (lambda x: np.where(x == 0, 1, np.sin(x) / x), [0], [0], [0]),
    "exp": (lambda x: np.where(x > 9, x, np.exp(x)), [0, 1e4], [1, 1], [1, 0]),
    "select": (lambda x: np.select([x > 0], [np.log(x)], x), [1, 0], [1, 1], [-1, 0]),
    "broadcast": (
        lambda x: np.where(np.array([[True, False]] * 2), np.sqrt(x) * np.ones((2, 1)), 1),
        *([4, -1], [0.5, 0], [-1 / 16, 0]),
    ),
    "twice hidden": (
        lambda x: (
            np.where(x > 0, np.sqrt(x), 0) + np.where(x > 0, np.where(x > 2, np.log(x), 1), 0)
        ),
        *([4, -1], [0.5, 0], [-1 / 32 - 1 / 16, 0]),
    ),
    "parts": (lambda x: np.where(x > 0, np.modf(x)[0], 0), [0.5, -1], [1, 0], [0, 0]),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_where_hides_the_branch_it_does_not_choose(name):
    f, x, gradient, second = HIDDEN[name]
    x = np.array(x, float)
    total = tg.grad(lambda x: np.sum(f(x)))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(total(x), gradient)
        np.testing.assert_array_equal(tg.grad(lambda x: np.sum(total(x)))(x), second)


def test_where_hides_nothing_that_is_also_used_elsewhere():
    def f(x):
        root = np.sqrt(x)
        return np.where(x > 0, root, 0) + root

    with np.errstate(divide="ignore"):
        assert tg.grad(f)(0.0) == np.inf
        assert tg.grad(lambda x: f(x) * 0 + np.where(x > 0, np.sqrt(x), 1))(4.0) == 0.25


@pytest.mark.parametrize(
    ("f", "x"), [(np.sqrt, 0.0), (np.cbrt, 0.0), (np.arcsin, 1.0), (lambda x: x**0.5, 0.0)]
)
def test_infinitely_steep_functions_have_infinite_gradients(f, x):
    with np.errstate(divide="ignore"):
        assert tg.grad(f)(x) == np.inf


DISCRETE = {
    "comparisons": lambda x: (np.less(x, 0, where=True), np.logical_and.reduce(x > 0, axis=0)),
    "reductions": lambda x: (np.logical_or.reduce(x), np.floor_divide.reduce(x, axis=1)),
    "running": lambda x: np.logical_and.accumulate(x, 1),
    "pairs": lambda x: np.less.outer(x, x),
    "pieces": lambda x: np.logical_xor.reduceat(x, [0, 1]),
    "rounding": lambda x: (np.fix(x), np.around(x, 1), x.round(1), np.trunc(x), np.rint(x)),
    "the whole part": lambda x: np.modf(x)[1],
    "the exponent": lambda x: np.frexp(x)[1],
    "sign": np.sign,
    "the step": lambda x: np.heaviside(x, 0.5),
    "places": lambda x: (np.isin(x, [1.0]), np.spacing(x), np.signbit(x)),
    "masked": lambda x: np.isnan(x, where=[True, True, True], out=None),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    results, expected = (tg.tree.leaves(DISCRETE[name](a)) for a in (*tensors(X), X))
    for result, value in zip(results, expected, strict=True):
        assert type(result) is type(value)
        np.testing.assert_array_equal(result, value, strict=True)


NO_RULE = np.frompyfunc(lambda x, y: x + y, 2, 1)
ERRORS = {
    "out": (lambda t: np.exp(t, out=np.ones(3)), TypeError, r"np\.exp: out= "),
    "out of reduce": (lambda t: np.add.reduce(t, out=np.ones(())), TypeError, r"np\.add: out= "),
    "at": (
        lambda t: np.add.at(np.ones(3), [0, 0, 1], t),
        TypeError,
        r"np\.add\.at: it works in place.*\.at\[index\]\.add",
    ),
    "clip where": (lambda t: np.clip(t, 0, 1, where=[True]), NotImplementedError, "clip: where="),
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

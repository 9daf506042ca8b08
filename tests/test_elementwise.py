"""Elementwise operations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import agrees_with_numpy, holds, is_plain, makers, slopes, tensors

N, P, U, C = makers(2)
MASK = np.array([[True, False, True], [False, True, True]])
X = N(2, 3)

# name: (function of arrays or tensors, its arguments). float64, no ties, no kinks.
CASES = {
    # arithmetic, also broadcasting, also with constants on either side
    "add": (np.add, N(2, 3), N(3)),
    "subtract": (np.subtract, N(2, 1), N(1, 3)),
    "multiply": (np.multiply, N(), N(2, 3)),
    "divide": (np.divide, N(2, 3), P(3)),
    "power": (np.power, P(2, 3), N(3)),
    "power of integers": (lambda x: x ** np.array([[0], [1], [3]]), N(3, 2)),
    "power of a scalar": (lambda x: x**2 + x**0 + x**1 + x**-1 + x**2.5, P(4)),
    "power of a 0-d exponent": (lambda x, y: x**y, P(4), np.array(1.0)),
    "power at exponents 0 and 1": (np.power, P(4), np.array([0.0, 1.0, 0.0, 2.0])),
    "scalar to a power": (lambda x: 2**x + 0.5**x, N(3)),
    "float_power that broadcasts": (np.float_power, P(2, 3), N(3)),
    "remainder": (np.remainder, N(2, 3) * 5, P(3)),
    "fmod": (np.fmod, N(2, 3) * 5, P(3)),
    "divmod": (lambda x, y: np.divmod(x, y)[1], N(2, 3) * 5, P(3)),
    "hypot": (np.hypot, N(2, 3), N(3)),
    "logaddexp": (np.logaddexp, N(2, 3), N(3)),
    "logaddexp2": (np.logaddexp2, N(2, 3), N(3)),
    "arctan2": (np.arctan2, N(2, 3), N(3)),
    "lists in arctan2": (lambda x: np.arctan2(x, [1, 2, 3]) + np.arctan2([1, 2, 3], x), N(3)),
    "copysign of both": (np.copysign, N(2, 3), N(3)),
    "maximum": (np.maximum, N(2, 3), N(3)),
    "minimum": (np.minimum, N(2, 3), N(3)),
    "fmax": (np.fmax, N(2, 3), N(3)),
    "fmin": (np.fmin, N(2, 3), N(3)),
    # numbers in parts
    "modf": (lambda x: np.modf(x)[0], N(6) * 3),
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
    "where a tensor is": (lambda x: np.where(x, x, 1.0), N(5)),
    "where with constants": (lambda x: np.where(x > 0, x, 0.0) + np.where(x > 0, 1, x), N(5)),
    "clip": (np.clip, N(9), np.array(-0.4), np.array(0.5)),
    "clip from below": (lambda x: np.clip(x, a_min=-0.4, a_max=None), N(9)),
    "clip from above": (lambda x: np.clip(x, None, 0.4) + x.clip(max=0.2), N(9)),
    "clip by keyword": (lambda x, y: np.clip(x, min=y, max=1.5), N(9), np.array(-0.2)),
    "nan_to_num by a number": (
        lambda x: np.nan_to_num(np.append(x, [np.nan, np.inf]), nan=7),
        N(3),
    ),
    "exp of nothing": (np.exp, N(0, 3)),
    "astype": (lambda x: np.astype(x, np.complex128) * 2j + x.astype(float), N(3)),
    "clip by tensors": (np.clip, N(4, 3), np.array(-0.4), np.array([0.5, 0.6, 0.7])),
    "clip by crossed bounds": (np.clip, N(9), np.array(0.5), np.array(-0.4)),
    "clip by max": (lambda x, y: np.clip(x, max=y) + x.clip(None, y, None), N(9), N()),
    "clip of an array": (lambda y: np.array([1.0, 3.0]).clip(0, y), np.array(2.0)),
    "clip by min": (lambda x, y: np.clip(x, min=y) + x.clip(y), N(9), N()),
    "nan_to_num": (lambda x: np.nan_to_num(x + np.array([1, np.nan, np.inf]), posinf=3) * x, N(3)),
    "sign of complex": (lambda z: np.sign(z) * z, C(4)),
    "nan_to_num of complex": (
        lambda z: np.nan_to_num(z + np.array([0, np.nan, -1j * np.inf]), neginf=2) * z,
        C(3),
    ),
    "real_if_close": (lambda z: np.real_if_close(z) * np.real_if_close(np.real(z) + 0j), C(3)),
    "where": (lambda x, y: np.where(MASK, x, y) * np.where(x > y, x, 1.0), N(2, 3), N(3)),
    "where it broadcasts": (lambda x, y: np.where([[True], [False]], x, y) * x, N(3), N(2, 1)),
    "astype of reals, to complex": (
        lambda x: x.astype(complex) * x.astype("f8", casting="safe"),
        N(3),
    ),
    # complex numbers
    "complex conjugates": (lambda z: np.real(z) * np.imag(z) * np.conj(z) + z.real, C(3)),
    "complex angle": (lambda z: np.angle(z) + np.abs(z) * np.angle(z, deg=True), C(3)),
    "complex arithmetic": (lambda z, w: z * w - z / w + z**w + (1 + 2j) * z**3, *C(2, 3)),
    "complex and real": (lambda x, z: x * z + np.where(MASK, x, z), N(3), C(2, 3)),
}


for _make, _names in {
    N: "negative square exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh absolute fabs "
    "deg2rad radians rad2deg degrees positive real imag conjugate",
    P: "reciprocal log log2 log10 log1p sqrt cbrt",
    U: "arcsin arccos arctanh",
}.items():
    CASES |= {_name: (getattr(np, _name), _make(2, 3)) for _name in _names.split()}
CASES["arccosh"] = (np.arccosh, 1 + P(3))
for _name in "square exp log sqrt sin tan arcsin arccos arctan arcsinh arccosh arctanh".split():
    CASES[f"complex {_name}"] = (getattr(np, _name), C(4))


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


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
    agrees_with_numpy(function, *operands)
    tg.check_grads(function, [x.astype(float) for x in operands])


KINKS = {
    # name: (function, where, its gradient there)
    "power": (lambda x: x**0 + x**1 + x**2 + x**2.5, 0.0, 1.0),
    "power of arrays": (lambda x: np.sum(x ** np.arange(4.0)), 0.0, 1.0),
    "second power twice": (tg.grad(lambda x: x**2), 0.0, 2.0),
    "exponent": (lambda y: np.array(0.0) ** y, 2.0, 0.0),
    "abs": (lambda x: np.abs(x) + np.fabs(x), 0.0, 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0) + np.minimum(1.0, x), 1.0, 1.0),
    "clip on its bounds": (
        lambda x: np.sum(np.clip(x, 0, 1)),
        np.array([0.0, 1.0, 2.0]),
        [1, 1, 0],
    ),
    "complex abs": (lambda x: np.abs(x + 0j), 0.0, 0.0),
    "hypot": (lambda x: np.hypot(x, 0), 0.0, 0.0),
    "logaddexp": (
        lambda x: np.logaddexp(*x) + np.logaddexp(x[0], -np.inf) + np.logaddexp2(*x),
        *(np.array([1000.0, -1000.0]), [3.0, 0.0]),
    ),
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
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(slopes(f, x), [gradient, second])


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
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert tg.grad(f)(x) == np.inf


DISCRETE = {
    "closeness": lambda x: np.isclose(x, x + 1e-12),
    "floor": np.floor,
    "comparisons": lambda x: (np.less(x, 0, where=True), np.logical_and.reduce(x > 0, axis=0)),
    "rounding": lambda x: (np.around(x, 1), x.round(1), np.trunc(x), np.rint(x)),
    "the whole part": lambda x: np.modf(x)[1],
    "the exponent": lambda x: np.frexp(x)[1],
    "sign": np.sign,
    "the step": lambda x: np.heaviside(x, 0.5),
    "places": lambda x: (np.isin(x, [1.0]), np.spacing(x), np.signbit(x)),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    is_plain(DISCRETE[name], X)


ERRORS = {
    "cast": (lambda t: t.astype(int, casting="safe"), TypeError, "according to the rule 'safe'"),
    "clip where": (lambda t: np.clip(t, 0, 1, where=[True]), NotImplementedError, "clip: where="),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

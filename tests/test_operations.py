"""NumPy's functions, operators and methods on tensors: NumPy's values, and their derivatives."""

import operator

import numpy as np
import pytest

import tinygrad_np as tg

rng = np.random.default_rng(1)


def N(*shape):
    """Normally distributed."""
    return rng.normal(size=shape)


def P(*shape):
    """Positive, away from 0."""
    return rng.uniform(0.3, 2.0, shape)


def U(*shape):
    """Inside of (-1, 1)."""
    return rng.uniform(-0.9, 0.9, shape)


def C(*shape):
    """Complex."""
    return N(*shape) + 1j * N(*shape)


MASK = np.array([[True, False, True], [False, True, True]])
EYE = np.eye(3)

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
    "float_power": (np.float_power, P(2, 3), N(3)),
    "remainder": (np.remainder, N(2, 3) * 5, P(3)),
    "fmod": (np.fmod, N(2, 3) * 5, P(3)),
    "divmod": (lambda x, y: np.divmod(x, y)[1], N(2, 3) * 5, P(3)),
    "hypot": (np.hypot, N(2, 3), N(3)),
    "logaddexp": (np.logaddexp, N(2, 3), N(3)),
    "logaddexp2": (np.logaddexp2, N(2, 3), N(3)),
    "arctan2": (np.arctan2, N(2, 3), N(3)),
    "copysign": (np.copysign, N(2, 3), N(3)),
    "maximum": (np.maximum, N(2, 3), N(3)),
    "minimum": (np.minimum, N(2, 3), N(3)),
    "fmax": (np.fmax, N(2, 3), N(3)),
    "fmin": (np.fmin, N(2, 3), N(3)),
    "operators": (lambda x, y: -(3 - x) * y / (2 + x) + abs(y) % 3 - +x @ y, P(3), N(3)),
    "constants": (lambda x: 2 * x + np.arange(3.0) * x - x / np.float64(3) + True * x, N(3)),
    "lists": (lambda x: [1, 2, 3] * x + np.maximum(x, [0, 0, 1]) + x ** [0, 1, 2], N(3)),
    "lists in arctan2": (lambda x: np.arctan2(x, [1, 2, 3]) + np.arctan2([1, 2, 3], x), N(3)),
    "list matrices": (lambda x: [[1.0, 2.0]] @ x + np.dot([3.0, 4.0], x), N(2, 3)),
    # choices
    "where": (lambda x, y: np.where(MASK, x, y), N(2, 3), N(3)),
    "where with constants": (lambda x: np.where(x > 0, x, 0.0) + np.where(x > 0, 1, x), N(5)),
    "where a tensor is": (lambda x: np.where(x, x, 1.0), N(5)),
    "select": (lambda x: np.select([x < 0, x < 1], [x**2, -x], 1), N(6)),
    "clip": (np.clip, N(9), np.array(-0.4), np.array(0.5)),
    "clip from below": (lambda x: np.clip(x, a_min=-0.4, a_max=None), N(9)),
    "clip from above": (lambda x: np.clip(x, None, 0.4) + x.clip(max=0.2), N(9)),
    "clip by keyword": (lambda x, y: np.clip(x, min=y, max=1.5), N(9), np.array(-0.2)),
    "nan_to_num": (lambda x: np.nan_to_num(np.append(x, [np.nan, np.inf]), nan=7), N(3)),
    "full_like": (lambda x: np.full_like(x, x[0]) * x, N(3)),
    "astype": (lambda x: np.astype(x, np.complex128) * 2j + x.astype(float), N(3)),
    # reductions
    "sum": (np.sum, N(2, 3)),
    "sum of one number": (np.sum, N()),
    "sum over an axis": (lambda x: np.sum(x, -1) ** 2, N(2, 3, 4)),
    "sum over axes": (lambda x: np.sum(x, axis=(0, -1), keepdims=True) ** 2, N(2, 3, 4)),
    "sum over no axis": (lambda x: np.sum(x, axis=()) ** 2, N(2, 3)),
    "sum where": (lambda x: np.sum(x**2, axis=1, where=MASK, initial=3.0), N(2, 3)),
    "sum in another dtype": (lambda x: np.sum(x, dtype=np.float64) ** 2, N(3)),
    "mean": (lambda x: np.mean(x, axis=(0, 2)) ** 2, N(2, 3, 4)),
    "mean where": (lambda x: np.mean(x**2, -1, where=MASK, keepdims=True), N(2, 3)),
    "prod": (np.prod, N(2, 3)),
    "prod over axes": (lambda x: np.prod(x, axis=(-1, 0)), N(2, 3, 2)),
    "prod over an axis": (lambda x: np.prod(x, axis=1, keepdims=True), N(2, 3)),
    "max": (np.max, N(2, 3)),
    "max over axes": (lambda x: np.max(x, axis=(0, -1)) ** 2, N(2, 3, 4)),
    "min": (lambda x: np.min(x, axis=1, keepdims=True) ** 2, N(2, 3)),
    "amax": (np.amax, N(2, 3)),
    "amin": (np.amin, N(2, 3)),
    "ptp": (lambda x: np.ptp(x, axis=0), N(4, 3)),
    "var": (lambda x: np.var(x, axis=(0, 2), ddof=1), N(2, 3, 4)),
    "var of all": (np.var, N(2, 3)),
    "std": (lambda x: np.std(x, axis=-1, keepdims=True), N(2, 3)),
    "average": (lambda x, w: np.average(x, 0, w), N(3, 2), P(3)),
    "average of all": (lambda x, w: np.average(x, weights=w) + np.average(x), N(3), P(3)),
    "average over axes": (lambda x, w: np.average(x, (2, 0), w), N(2, 3, 4), P(4, 2)),
    "cumsum": (lambda x: np.cumsum(x, axis=-2) ** 2, N(3, 4)),
    "cumsum of all": (lambda x: np.cumsum(x) ** 2, N(3, 2)),
    "cumprod": (lambda x: np.cumprod(x, axis=0), N(5, 2)),
    "cumprod of all": (lambda x: np.cumprod(x), N(2, 3)),
    # moving
    "reshape": (lambda x: np.reshape(x, (3, -1)) * x.reshape(3, 2, order="F"), N(2, 3)),
    "ravel": (lambda x: np.ravel(x) * x.flatten("F"), N(2, 3)),
    "transpose": (lambda x: np.transpose(x) @ x.T[1] @ x.transpose(0, -1, 1), N(2, 2, 2)),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1) * 2, N(2, 3, 4)),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)) + np.rollaxis(x, 1, 0), N(2, 2, 2)),
    "matrix_transpose": (lambda x: np.matrix_transpose(x) @ x.mT[0], N(2, 3, 3)),
    "expand_dims": (lambda x: np.squeeze(np.expand_dims(x, (0, -1)), 0) * x, N(3)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (4, 2, 3)) ** 2, N(2, 1)),
    "broadcast_arrays": (lambda x, y: np.broadcast_arrays(x, y), N(2, 1), N(3)),
    "atleast": (lambda x: np.atleast_1d(x) + np.atleast_2d(x) + np.atleast_3d(x), N()),
    "flip": (lambda x: np.flip(x) * x + np.flip(x, (0, 1)), N(2, 3)),
    "roll": (lambda x: np.roll(x, 1) * np.roll(x, (1, -2), (0, 1)), N(2, 3)),
    "concatenate": (lambda x, y: np.concatenate([x, MASK, y], -1) ** 2, N(2, 1), N(2, 2)),
    "concatenate all": (lambda x, y: np.concatenate((x, y), axis=None), N(2, 1), N(2)),
    "append": (lambda x: np.append(x, 1.0) * np.append(x, x[:1], 0), N(3)),
    "stack": (lambda x, y: np.stack([x, y, x], axis=-1) ** 2, N(3), N(3)),
    "vstack": (lambda x, y: np.vstack([x, y]), N(3), N(2, 3)),
    "hstack": (lambda x, y: np.hstack([x, y]), N(3), N()),
    "dstack": (lambda x, y: np.dstack([x, y]), N(2, 3), N(2, 3)),
    "column_stack": (lambda x, y: np.column_stack([x, y]), N(2), N(2, 3)),
    "split": (lambda x: np.split(x, 2, axis=-1), N(3, 4)),
    "array_split": (lambda x: np.array_split(x, [3, 2, 9]) + np.array_split(x, 3), N(5, 2)),
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3) ** 2, N(2, 3)),
    "pad by choosing": (lambda x: [np.pad(x, 2, m) for m in ("edge", "reflect", "wrap")], N(4)),
    "copy": (lambda x: np.copy(x) * x.copy(), N(3)),
    # choosing
    "getitem": (lambda x: x[1, None, ..., ::-2] * x[-1], N(2, 3, 4)[..., :1]),
    "getitem with integers": (lambda x: x[[0, 2, 0], :, np.array([[1], [0]])], N(3, 2, 2)),
    "getitem with sequences": (lambda x: x[(0, 0, 1),] + x[range(3)] + x[[]].sum(), N(3, 2)),
    "getitem with a mask": (lambda x: x[MASK] * x[x > -9][:4], N(2, 3)),
    "getitem mixed": (lambda x: x[..., MASK, 0] + x[0, 0, :1, [0, 0, 1, 1]].sum(), N(2, 2, 3, 2)),
    "getitem of everything": (lambda x: x[()] * x[...] * x[True, 0], N(2)),
    "take": (lambda x: np.take(x, [[0, 5], [-1, 0]], -1, mode="wrap"), N(2, 3)),
    "take of all": (lambda x: np.take(x, 4) * x.take([1, 1]), N(2, 3)),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.array([[1, 1]]), axis=1), N(2, 3)),
    "compress": (lambda x: np.compress([False, True, True], x, axis=1), N(2, 3)),
    "delete": (lambda x: np.delete(x, 1, axis=1), N(2, 3)),
    "repeat": (lambda x: np.repeat(x, [1, 0, 2], axis=1) * np.repeat(x, 2)[0], N(2, 3)),
    "tile": (lambda x: np.tile(x, (2, 1, 2)), N(2, 3)),
    "resize": (lambda x: np.resize(x, (3, 3)), N(2, 2)),
    "rotations": (lambda x: np.rot90(x) * np.fliplr(np.flipud(x)), N(3, 3)),
    "diagonal": (lambda x: np.diagonal(x, 1, 0, 2) * np.trace(x, -1, 1, 2), N(2, 3, 3)),
    "diag": (lambda x: np.diag(x, -1)[1:, :-1] + np.diag(np.diag(x[:1] * x[:, None])), N(3)),
    "triangles": (lambda x: np.tril(x, -1) * 2 + np.triu(x) ** 2, N(2, 3, 3)),
    "sort": (lambda x: np.sort(x, axis=0) * np.sort(x, None)[:3], N(4, 3)),
    "partition": (lambda x: np.partition(x, 1) * np.partition(x, 1, axis=None)[1], N(2, 4)),
    # updates
    "at set": (lambda x, v: at(x, (0, slice(1, None)), "set", v), N(2, 3), N(1, 2)),
    "at set twice": (lambda x, v: at(x, np.array([0, 2, 0]), "set", v), N(3), N(3)),
    "at add": (lambda x, v: at(x, ([0, 1, 0],), "add", v), N(3, 2), N(3, 1)),
    "at add with a mask": (lambda x, v: at(x, MASK, "add", v), N(2, 3), N()),
}
for _domain, _names in {
    N: "negative square exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh absolute fabs "
    "deg2rad radians rad2deg degrees positive real imag conjugate",
    P: "reciprocal log log2 log10 log1p sqrt cbrt",
    U: "arcsin arccos arctanh",
}.items():
    CASES |= {name: (getattr(np, name), _domain(2, 3)) for name in _names.split()}
CASES["arccosh"] = (np.arccosh, 1 + P(3))

COMPLEX = {
    "conjugates": (lambda z: np.real(z) * np.imag(z) * np.conj(z) + z.real, C(3)),
    "angle": (lambda z: np.angle(z) + np.abs(z) * np.angle(z, deg=True), C(3)),
    "arithmetic": (lambda z, w: z * w - z / w + z**w + (1 + 2j) * z**3, *C(2, 3)),
    "mixed with reals": (lambda x, z: x * z + np.where(MASK, x, z), N(3), C(2, 3)),
    "reductions": (lambda z: np.var(z) + np.prod(z) + np.mean(z) * np.std(z), C(3)),
    "running": (lambda z: np.cumprod(z) * np.cumsum(z), C(3)),
} | {
    name: (getattr(np, name), C(4))
    for name in "square exp log sqrt sin tan arcsin arccos arctan arcsinh arccosh arctanh".split()
}
ALL = CASES | {f"complex {name}": case for name, case in COMPLEX.items()}
ids = pytest.mark.parametrize("name", ALL)


def at(x, index, update, values):
    """x.at[index].set(values) or .add(values), also for arrays."""
    if isinstance(x, tg.Tensor):
        return getattr(x.at[index], update)(values)
    x = x.copy()
    if update == "set":
        x[index] = values
    else:
        np.add.at(x, index, values)
    return x


def tensors(*arrays):
    return [tg.Tensor(array, requires_grad=True) for array in arrays]


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


@ids
@pytest.mark.parametrize("precision", [np.asarray, single])
def test_values_are_numpys_to_the_last_bit(name, precision):
    f, *args = ALL[name]
    args = [precision(arg) for arg in args]
    outputs, expected = tg.tree.leaves(f(*tensors(*args))), tg.tree.leaves(f(*args))
    assert len(outputs) == len(expected)
    for output, value in zip(outputs, expected, strict=True):
        assert type(output) is tg.Tensor
        np.testing.assert_array_equal(output.data, value, strict=np.ndim(value) > 0)
        assert (output.shape, output.dtype) == (value.shape, value.dtype)


@ids
def test_derivatives_to_second_order_agree_with_differences(name):
    f, *args = ALL[name]
    tg.check_grads(f, args)


@ids
def test_single_precision_gives_gradients_in_single_precision(name):
    f, *args = ALL[name]
    args = [single(arg) for arg in args]
    output, pullback = tg.vjp(f, *args)
    for gradient, arg in zip(pullback(tg.tree.map(np.ones_like, output)), args, strict=True):
        assert (gradient.shape, gradient.dtype) == (arg.shape, arg.dtype)


OPERATORS = "add sub mul truediv floordiv mod pow matmul lt le gt ge eq ne".split()


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_take_arrays_and_scalars_on_either_side(name):
    operate, x, y = getattr(operator, name), P(3), P(3)
    (t,) = tensors(x)
    for a, b, expected in [
        (t, y, operate(x, y)),
        (y, t, operate(y, x)),
        (t, tg.Tensor(y), operate(x, y)),
        *([(t, 2, operate(x, 2)), (0.5, t, operate(0.5, x))] if name != "matmul" else []),
    ]:
        result = operate(a, b)
        discrete = name in OPERATORS[8:] or name == "floordiv"
        assert type(result) is (np.ndarray if discrete else tg.Tensor)
        np.testing.assert_array_equal(
            tg.core.primitive.plain(result), expected, strict=name != "matmul"
        )


METHODS = {
    **dict.fromkeys("argmax argmin cumsum max mean min prod std sum var".split(), (0,)),
    **dict.fromkeys("all any argsort conj conjugate copy diagonal nonzero ravel trace".split(), ()),
    **dict.fromkeys("argpartition round".split(), (1,)),
    **dict.fromkeys("transpose swapaxes".split(), (1, 0)),
    "astype": (np.float32,),
    "clip": (-0.5, 0.5),
    "compress": ([True, False, True],),
    "__rdivmod__": (2.5,),
    "dot": (EYE,),
    "flatten": ("F",),
    "repeat": (2, 1),
    "reshape": (-1, 1),
    "searchsorted": (0.5,),
    "squeeze": (),
    "take": ([1, 0], 0),
    "tolist": (),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_do_what_those_of_arrays_do(name):
    x = N(9) if name == "searchsorted" else N(3, 3)
    result = getattr(tensors(x)[0], name)(*METHODS[name])
    expected = getattr(x, name)(*METHODS[name])
    np.testing.assert_array_equal(tg.core.primitive.plain(result), expected)


DISCRETE = {
    "argmax": lambda x: np.argmax(x, axis=0),
    "shape": np.shape,
    "comparison": lambda x: (x > 0) | (x == x) & ~(x >= 0.5),
    "floor": np.floor,
    "round": lambda x: np.round(x, 1),
    "sign": np.sign,
    "floor division": lambda x: (x // 2, 2 // x),
    "isclose": lambda x: np.isclose(x, x + 1e-12),
    "places": lambda x: (np.where(x > 0), np.where(x), np.argsort(x), np.nonzero(x)),
    "zeros_like": np.zeros_like,
    "integers": lambda x: x.astype(int),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    x = N(2, 3)
    results, expected = (tg.tree.leaves(DISCRETE[name](a)) for a in (*tensors(x), x))
    for result, value in zip(results, expected, strict=True):
        assert type(result) is type(value)
        np.testing.assert_array_equal(result, value)


def test_tensors_may_be_given_by_keyword():
    x = N(2, 3)
    for f in (
        lambda x: np.sum(a=x, axis=0),
        lambda x: np.sum(a=x, keepdims=True),
        lambda x: np.dot(x, b=EYE),
        lambda x: np.take(a=x, indices=[0, 1]),
        lambda x: np.clip(a=x, a_min=-0.1, a_max=0.1),
        lambda x: np.linalg.norm(x=x, axis=1),
        lambda x: np.broadcast_to(array=x, shape=(2, 2, 3)),
        lambda x: tg.softmax(x=x, axis=0),
    ):
        np.testing.assert_array_equal(f(*tensors(x)).data, f(x))
        tg.check_grads(f, (x,))


def test_empty_arrays_give_empty_gradients():
    x = np.zeros((0, 3))
    for f in (
        *(np.sum, np.prod, np.exp, np.cumsum, np.cumprod, np.ravel, np.sort, np.transpose),
        lambda x: np.sum(x, axis=1) + np.prod(x, axis=1) + np.max(x, axis=1),
        lambda x: x @ np.ones((3, 2)),
        lambda x: np.concatenate([x, np.ones((1, 3))]),
        lambda x: x[:, [0, 0]] * x[x[:, 0] > 0, :1],
    ):
        output, pullback = tg.vjp(f, x)
        np.testing.assert_array_equal(output, f(x), strict=True)
        assert pullback(np.ones(np.shape(output)))[0].shape == (0, 3)


KINKS = {
    # name: (function, where, its gradient there)
    "power": (lambda x: x**0 + x**1 + x**2 + x**2.5, 0.0, 1.0),
    "power of arrays": (lambda x: np.sum(x ** np.arange(4.0)), 0.0, 1.0),
    "second power twice": (tg.grad(lambda x: x**2), 0.0, 2.0),
    "exponent": (lambda y: np.array(0.0) ** y, 2.0, 0.0),
    "abs": (lambda x: np.abs(x) + np.fabs(x), 0.0, 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0) + np.minimum(1.0, x), 1.0, 1.0),
    "max shares evenly": (np.max, np.array([3.0, 1.0, 3.0]), [0.5, 0.0, 0.5]),
    "max_pool2d takes the first": (
        lambda x: np.sum(tg.max_pool2d(np.reshape(x, (1, 2, 2, 1)))),
        *(np.array([3.0, 1.0, 3.0, 3.0]), [1.0, 0.0, 0.0, 0.0]),
    ),
    "sort of equals": (lambda x: np.sort(x)[0], np.array([2.0, 1.0, 1.0]), [0.0, 1.0, 0.0]),
    "clip on its bounds": (
        lambda x: np.sum(np.clip(x, 0, 1)),
        np.array([0.0, 1.0, 2.0]),
        [1, 1, 0],
    ),
    "complex abs": (lambda x: np.abs(x + 0j), 0.0, 0.0),
    "hypot": (lambda x: np.hypot(x, 0), 0.0, 0.0),
    "std": (np.std, np.ones(3), np.zeros(3)),
    "a hidden infinity": (
        lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0)),
        *(np.array([0.0, 2.0]), [0.0, 0.5]),
    ),
    "logaddexp": (
        lambda x: np.logaddexp(*x) + np.logaddexp(x[0], -np.inf) + np.logaddexp2(*x),
        *(np.array([1000.0, -1000.0]), [3.0, 0.0]),
    ),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradients_at_kinks_and_extremes(name):
    f, x, expected = KINKS[name]
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(tg.grad(f)(x), expected)


def test_the_square_root_is_infinitely_steep_at_0():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert tg.grad(np.sqrt)(0.0) == np.inf


@pytest.mark.parametrize("zeros", [[1], [1, 3], [0, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("f", [np.prod, np.cumprod])
def test_products_differentiate_at_zeros(f, zeros):
    x = N(5)
    x[zeros] = 0
    tg.check_grads(f, (x,))


def test_updates_leave_the_tensor_as_it_was():
    (t,) = tensors(N(3))
    before = t.data.copy()
    t.at[0].set(1.0)
    t.at[[0, 0]].add(1.0)
    np.testing.assert_array_equal(t.data, before)


def write(array, value):
    array[:] = value


ERRORS = {
    "set item": (lambda t: write(t, 1.0), TypeError, r"immutable; write t = t\.at\[index\]\.set"),
    "in place": (
        lambda t: operator.iadd(np.ones(3), t),
        TypeError,
        r"np\.add: out= .* use the result",
    ),
    "write": (lambda t: write(np.ones(3), t), TypeError, r"would lose its gradient.*t\.data"),
    "asarray": (np.asarray, TypeError, r"np\.asarray: .* tg\.stop_gradient\(t\)"),
    "array of tensors": (lambda t: np.array([t, t]), TypeError, r"would lose its gradient"),
    "float": (lambda t: float(t[0]), TypeError, r"float: this Tensor of shape \(\)"),
    "out": (lambda t: np.sum(t, out=np.ones(())), TypeError, "sum: out= would write a Tensor"),
    "no rule": (
        lambda t: np.intersect1d(t, t),
        *(NotImplementedError, r"tg\.primitive\(np\.intersect1d\)\.defvjp"),
    ),
    "order in memory": (lambda t: t.ravel("K"), NotImplementedError, "order='K'"),
    "concatenate in place": (
        lambda t: np.concatenate([t], out=np.ones(3)),
        *(TypeError, "concatenate: out= would write"),
    ),
    "average of what": (lambda t: np.average(t, weights=[1, 2]), TypeError, "axis must be given"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_has_no_derivative_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

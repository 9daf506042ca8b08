"""What a Tensor takes over from arrays: operators, methods, protocols; and what it refuses."""

import operator

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, is_plain, makers, tensors
from tinygrad_np.core.primitive import plain

N, P, U, C = makers(1)

CASES = {
    "operators": (lambda x, y: -(3 - x) * y / (2 + x) + abs(y) % 3 - +x @ y, P(3), N(3)),
    "constants": (lambda x: 2 * x + np.arange(3.0) * x - x / np.float64(3) + True * x, N(3)),
    "lists": (lambda x: [1, 2, 3] * x + np.maximum(x, [0, 0, 1]) + x ** [0, 1, 2], N(3)),
    "list matrices": (lambda x: [[1.0, 2.0]] @ x + np.dot([3.0, 4.0], x), N(2, 3)),
    # arguments by their names
    "np.sum(a=)": (lambda x: np.sum(a=x, axis=0), N(2, 3)),
    "np.sum(a=, keepdims=)": (lambda x: np.sum(a=x, keepdims=True), N(2, 3)),
    "np.dot(b=)": (lambda x: np.dot(x, b=np.eye(3)), N(2, 3)),
    "np.take(a=)": (lambda x: np.take(a=x, indices=[0, 1]), N(2, 3)),
    "np.clip(a=)": (lambda x: np.clip(a=x, a_min=-0.1, a_max=0.1), N(2, 3)),
    "np.linalg.norm(x=)": (lambda x: np.linalg.norm(x=x, axis=1), N(2, 3)),
    "np.broadcast_to(array=)": (lambda x: np.broadcast_to(array=x, shape=(2, 2, 3)), N(2, 3)),
    "tg.softmax(x=)": (lambda x: tg.softmax(x=x, axis=0), N(2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


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
        np.testing.assert_array_equal(plain(result), expected, strict=name != "matmul")


# name: (its arguments, on a 3 by 3 tensor)
METHODS = {
    **dict.fromkeys("argmax argmin cumprod cumsum max mean min prod std sum var".split(), (0,)),
    **dict.fromkeys("all any argsort conj conjugate copy diagonal flatten nonzero".split(), ()),
    **dict.fromkeys("ravel squeeze trace".split(), ()),
    "argpartition": (1,),
    "astype": (np.float32, "C", "same_kind"),
    "clip": (-0.5, 0.5),
    "compress": ([True, False, True], 1),
    "dot": (np.eye(3),),
    "item": (1, 2),
    "repeat": (2, 1),
    "reshape": (-1, 1),
    "round": (1,),
    "searchsorted": (0.5,),
    "swapaxes": (0, 1),
    "take": ([1, 0], 0),
    "transpose": (1, 0),
    "__rdivmod__": (2.5,),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_take_the_arguments_of_ndarrays(name):
    x = np.sort(N(9)) if name == "searchsorted" else N(3, 3)
    result = getattr(tensors(x)[0], name)(*METHODS[name])
    expected = getattr(x, name)(*METHODS[name])
    np.testing.assert_array_equal(plain(result), expected)


def test_methods_of_other_tensors():
    assert np.array_equal(tg.Tensor([0, 1]).choose(N(2, 2) * 0), [0, 0])
    assert tensors(np.arange(3.0))[0].searchsorted(1.5, side="right") == 2


def test_numbers_are_given_of_what_is_not_being_differentiated():
    x = N(2, 3)
    assert tg.Tensor(x).tolist() == x.tolist()
    assert tg.Tensor(x).tobytes("F") == x.tobytes("F")


def test_the_data_of_a_leaf_alone_may_be_written_to():
    x = tg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = np.exp(x)
    for computed in (y, y.detach(), tg.stop_gradient(y)):
        with pytest.raises(ValueError, match="read-only"):
            computed.data *= 2
    with pytest.raises(AttributeError, match=r"^Tensor\.data: only that of a leaf"):
        y.data = x.data
    x.data -= 1.0
    np.testing.assert_array_equal(x.data, [0, 1])


def test_membership_and_length():
    (t,) = tensors(np.array([1.0, 2.0]))
    assert 2.0 in t
    assert 3.0 not in t
    assert len(t) == 2
    with pytest.raises(TypeError):
        len(t[0])


DISCRETE = {
    "shape": np.shape,
    "comparison": lambda x: (x > 0) | (x == x) & ~(x >= 0.5),
    "floor division": lambda x: (x // 2, 2 // x),
    "zeros_like": np.zeros_like,
    "integers": lambda x: x.astype(int),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    is_plain(DISCRETE[name], N(2, 3))


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
    "no rule": (
        lambda t: np.intersect1d(t, t),
        *(NotImplementedError, r"tg\.primitive\(np\.intersect1d\)\.defvjp"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_has_no_derivative_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

"""NumPy's functions that make arrays, with `like=`; and lists that hold tensors."""

import math
import re

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import makers, tensors

N, P, U, C = makers(11)
c, s = np.cos, np.sin

# name: (a function of a tensor, the same one written with other functions, its argument)
CASES = {
    "rotation": (
        lambda t: np.array([[c(t), -s(t)], [s(t), c(t)]], like=t) @ [1.0, 2.0],
        lambda t: np.stack([c(t) - 2 * s(t), s(t) + 2 * c(t)]),
        N(),
    ),
    "list of vectors": (
        lambda x: np.array([x, [1, 2, 3], x**2], like=x),
        lambda x: np.stack([x, np.arange(1.0, 4.0), x**2]),
        N(3),
    ),
    "tuples": (lambda t: np.asarray((t, (1.0)), like=t), lambda t: np.stack([t, 1.0]), N()),
    "dtype": (
        lambda t: np.array([t, 1], dtype=complex, like=t).real,
        lambda t: np.stack([t, 1.0]),
        N(),
    ),
    "ndmin": (lambda t: np.array([t], ndmin=3, like=t), lambda t: t.reshape(1, 1, 1), N()),
    "a tensor": (
        lambda x: np.asanyarray(np.ascontiguousarray(np.require(x, like=x), like=x), like=x) ** 2,
        lambda x: x**2,
        N(3),
    ),
    "full": (lambda t: np.full((2, 3), t, like=t), lambda t: np.broadcast_to(t, (2, 3)), N()),
    "full of a row": (
        lambda x: np.full((2, 3), x, like=x),
        lambda x: np.broadcast_to(x, (2, 3)),
        N(3),
    ),
    "fromiter": (
        lambda x: np.fromiter((a**2 for a in x), float, like=x),
        lambda x: x**2,
        N(3),
    ),
    "fromiter count": (lambda x: np.fromiter(x, float, 2, like=x), lambda x: x[:2], N(3)),
    "fromfunction": (
        lambda t: np.fromfunction(lambda i, j: i * t + j, (2, 3), like=t),
        lambda t: np.arange(2.0)[:, None] * t + np.arange(3.0),
        N(),
    ),
    "constants": (
        lambda t: (
            t
            * np.eye(2, like=t)
            * np.ones((2, 2), like=t)
            * np.identity(2, like=t)
            * np.tri(2, like=t)
            + np.zeros(2, like=t)
            + np.arange(2.0, like=t)
        ),
        lambda t: t * np.eye(2) + np.arange(2.0),
        N(),
    ),
    # a list beside a tensor
    "concatenate": (
        lambda x: np.concatenate([[x[0], x[1]], x]),
        lambda x: np.concatenate([x[:2], x]),
        N(3),
    ),
    "stack": (lambda x: np.stack([x, [x[0], 1.0, 2.0]]), lambda x: np.stack([x, x * E0 + R]), N(3)),
    "hstack": (lambda x: np.hstack([[x[0]], x]), lambda x: np.concatenate([x[:1], x]), N(3)),
    "vstack": (
        lambda x: np.vstack([[x[0], 1.0, 2.0], x]),
        lambda x: np.stack([x * E0 + R, x]),
        N(3),
    ),
    "column_stack": (
        lambda x: np.column_stack([x, [x[0], 1.0, 2.0]]),
        lambda x: np.stack([x, x * E0 + R], 1),
        N(3),
    ),
    "dstack": (
        lambda x: np.dstack([x, [x[0], 1.0, 2.0]]),
        lambda x: np.stack([x, x * E0 + R], 1)[None],
        N(3),
    ),
    "operators": (
        lambda t: t * [t, 2 * t] + [t, 1.0] / t,
        lambda t: np.stack([t * t + 1, 2 * t * t + 1 / t]),
        P(),
    ),
    "nested": (
        lambda t: [[t, 1.0], [2.0, t]] @ np.stack([t, t]),
        lambda t: np.stack([t * t + t, 2 * t + t * t]),
        N(),
    ),
    "outer": (
        lambda x: np.outer([x[0], x[1]], x),
        lambda x: x[:2, None] * x,
        N(3),
    ),
    "dot": (lambda x: np.dot(x, [x[1], x[0]]), lambda x: 2 * x[0] * x[1], N(2)),
    "append": (lambda x: np.append([x[0]], x), lambda x: np.concatenate([x[:1], x]), N(3)),
    "weights": (
        lambda x: np.average(x, weights=[x[0] ** 2, 1.0]),
        lambda x: (x[0] ** 3 + x[1]) / (x[0] ** 2 + 1),
        N(2),
    ),
    "dense": (
        lambda x: tg.dense([[x[0], x[1]]], np.stack([x, x])),
        lambda x: (x[0] + x[1]) * x[None],
        N(2),
    ),
    "block": (
        lambda t: np.block([[t, 2 * t], [t**2, 1.0]]),
        lambda t: np.stack([np.stack([t, 2 * t]), np.stack([t**2, 1.0])]),
        N(),
    ),
}
E0, R = np.array([1.0, 0, 0]), np.array([0, 1.0, 2.0])


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, same, x = CASES[name]
    (t,) = tensors(x)
    assert type(f(t)) is tg.Tensor
    np.testing.assert_allclose(f(t).data, same(t).data, rtol=1e-12, strict=True)
    tg.check_grads(lambda x: f(x if type(x) is tg.Tensor else tg.Tensor(x)), (x,))


@pytest.mark.parametrize("text", ["1 2\n3 4"])
def test_numbers_that_are_read_are_tensors_with_like(text):
    t = tg.Tensor(1.0)
    read = np.loadtxt(text.splitlines(), like=t)
    assert type(read) is type(np.frombuffer(b"abc", np.uint8, like=t)) is tg.Tensor
    np.testing.assert_array_equal(read.data, [[1, 2], [3, 4]])


t, x, a = *tensors(np.array(2.0), np.arange(1.0, 4.0)), np.ones(3)


def assign():
    a[0] = t


def assign_rows():
    np.ones((2, 3))[0] = x


# What NumPy or Python asks the numbers of a tensor for: (the call, what works, in words and code)
REFUSED = {
    "np.array": (lambda: np.array([t, t]), r"np\.stack", lambda: np.stack([t, t])),
    "nested np.array": (
        lambda: np.array([[t, t], [t, t]]),
        r"np\.block\(\[\[a, b\], \[c, d\]\]\)",
        lambda: np.block([[t, t], [t, t]]),
    ),
    "inner np.array": (
        lambda: np.linalg.solve(np.eye(2), np.array([np.sin(t), t])),
        r"^np\.array: .*np\.array\(…, like=a\)",
        lambda: np.array([t, t], like=t),
    ),
    "np.asarray": (lambda: np.asarray(x), r"^np\.asarray: .*use the tensor as it is", None),
    "np.full": (
        lambda: np.full(3, t),
        r"^np\.full: .*np\.broadcast_to\(t, shape\)",
        lambda: np.broadcast_to(t, (3,)),
    ),
    "np.full_like": (lambda: np.full_like(a, t), r"^np\.full_like: .*np\.broadcast_to", None),
    "np.r_": (lambda: np.r_[t, 3.0], r"^np\.r_: .*np\.hstack", lambda: np.hstack([t, 3.0])),
    "np.c_": (lambda: np.c_[x, x], r"np\.c_: .*np\.column_stack", lambda: np.column_stack([x, x])),
    "ndarray.dot": (lambda: a.dot(x), r"^ndarray\.dot: .*c @ t", lambda: a @ x),
    "of an expression": (lambda: np.ones(3).dot(x[::-1]), r"^ndarray\.dot: .*c @ t", None),
    "np.concatenate": (
        lambda: np.concatenate([[t], [1.0]]),
        r"np\.concatenate\(\[np\.stack\(",
        lambda: np.concatenate([np.stack([t]), [1.0]]),
    ),
    "np.exp": (lambda: np.exp([t, t]), r"^np\.exp: .*np\.exp\(np\.stack\(\[a, b\]\), …\)", None),
    "np.linalg.norm": (lambda: np.linalg.norm([t, t]), r"np\.linalg\.norm\(np\.stack", None),
    "np.fft.fft": (lambda: np.fft.fft([t, t]), r"np\.fft\.fft\(np\.stack", None),
    "np.vectorize": (lambda: np.vectorize(abs)(t), r"^np\.vectorize: .*the tensor itself", None),
    "np.piecewise": (lambda: np.piecewise(a, [a > 0], [t, 0.0]), r"np\.where\(condition", None),
    "math.sin": (lambda: math.sin(t), r"^math\.sin: .*write np\.sin\(…\)", None),
    "math.pow": (lambda: math.pow(t, 2), r"^math\.pow: .*write np\.power\(…\)", None),
    "float": (lambda: float(t), r"^float: ", None),
    "assignment": (assign_rows, r"^an assignment .*t\.at\[i\]\.set", lambda: x.at[0].set(t)),
    "tolist": (lambda: x.tolist(), r"^Tensor\.tolist: .*a, b = t", lambda: [*x]),
    "tobytes": (lambda: x.tobytes(), r"^Tensor\.tobytes", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_lost_gradient_is_refused_with_the_way_that_works(name):
    call, message, instead = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        call()
    if instead is not None:
        assert tg.tree.leaves(instead())[0].requires_grad


# NumPy's own sentence comes last here, and the library's as its cause.
SETTING = {
    "one element": (assign, r"^an assignment .*t\.at\[i\]\.set"),
    "fill": (lambda: a.fill(t), r"^ndarray\.fill: .*np\.broadcast_to"),
    "initial": (lambda: a.sum(initial=t), r"^ndarray\.sum: .*c\.sum\(\) \+ t"),
    "fromiter": (lambda: np.fromiter([t, t], float), r"^np\.fromiter: .*np\.stack"),
}


@pytest.mark.parametrize("name", SETTING)
def test_an_element_that_is_set_is_refused_with_the_way_that_works(name):
    call, message = SETTING[name]
    with pytest.raises(ValueError, match="setting an array element with a sequence") as caught:
        call()
    assert re.search(message, str(caught.value.__cause__))


def test_another_librarys_function_is_named():
    linalg = pytest.importorskip("scipy.linalg")
    with pytest.raises(TypeError, match=r"^scipy's solve: .*arrays alone.*tg\.primitive"):
        linalg.solve(np.eye(3), x)


def test_a_ufunc_without_a_rule_is_named_where_it_can_be_imported():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(NotImplementedError, match=r"^scipy\.special\.erfcx .*\(scipy\.special\."):
        special.erfcx(t)
    with pytest.raises(NotImplementedError, match=r"^the ufunc abs .*tg\.primitive\(f\)"):
        np.frompyfunc(abs, 1, 1)(t)
    np.testing.assert_array_equal(x == "a", np.zeros(3, bool))

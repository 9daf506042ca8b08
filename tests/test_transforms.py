"""grad, value_and_grad, vjp, stop_gradient, check_grads: arrays in, arrays out, at any order."""

from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_np as tg

MATRIX = np.ones((2, 2)).view(np.matrix)


def test_grad_differentiates_plain_numpy():
    x = np.array([0.1, 0.5, 1.0])
    gradient = tg.grad(lambda x: np.sum(np.tanh(x) ** 2))(x)
    np.testing.assert_allclose(gradient, 2 * np.tanh(x) / np.cosh(x) ** 2, rtol=1e-14)
    assert type(gradient) is np.ndarray


def test_scalars_give_numpy_scalars_of_any_order():
    f = lambda x: x**5  # noqa: E731
    derivatives = [f(2.0)]
    for _ in range(5):
        f = tg.grad(f)
        derivatives.append(f(2.0))
    assert derivatives == [32.0, 80.0, 160.0, 240.0, 240.0, 120.0]
    assert all(isinstance(d, np.float64) for d in derivatives[1:])


class Layer(NamedTuple):
    kernel: np.ndarray
    bias: np.ndarray


def test_trees_come_back_as_they_went_in():
    params = {"a": Layer(np.ones((2, 3)), np.zeros(3, np.float32)), "b": [(np.float64(2.0),), None]}

    def f(params, x):
        layer = params["a"]
        return np.sum(x @ layer.kernel + layer.bias) * params["b"][0][0]

    value, grads = tg.value_and_grad(f)(params, np.ones(2))
    assert value == 12.0
    np.testing.assert_array_equal(grads["a"].kernel, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(grads["a"].bias, np.full(3, 2.0))
    assert isinstance(grads["a"], Layer)
    assert grads["a"].bias.dtype == np.float32
    assert grads["b"] == [(6.0,), None]


def test_argnums_choose_the_arguments_and_kwargs_pass_through():
    def f(x, y, *, scale):
        return scale * x * y

    assert tg.grad(f, argnums=1)(2.0, 3.0, scale=10.0) == 20.0
    assert tg.grad(f, argnums=-1)(2.0, 3.0, scale=10.0) == 20.0
    assert tg.grad(f, argnums=(0, 1))(2.0, 3.0, scale=10.0) == (30.0, 20.0)


def test_has_aux_hands_through_plain_values():
    def f(x):
        y = x * x
        return np.sum(y), {"squares": y, "note": "seen"}

    (value, aux), gradient = tg.value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert value == 5.0
    assert type(aux["squares"]) is np.ndarray
    assert aux["note"] == "seen"
    gradient_only, _ = tg.grad(f, has_aux=True)(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(gradient_only, gradient)


def test_nested_transforms_do_not_confuse_their_variables():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(2.0) == 1.0
    # d/dx [x · d/dy (x y²) at y = x] = d/dx 2 x³
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y * y)(x))(3.0) == 54.0

    def closed_over(w):
        inner = tg.grad(lambda x: np.sum(x * x * w))(np.array([1.0, 2.0]))
        return np.sum(inner * inner)

    gradient = tg.grad(closed_over)(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(gradient, [8 * 3.0, 32 * 4.0])
    assert type(gradient) is np.ndarray


def test_transforms_differentiate_with_respect_to_tensors_around_them():
    w = tg.Tensor(3.0, requires_grad=True)
    slope = tg.grad(lambda x: w * w * x * x)(2.0)
    slope.backward()
    assert slope.item() == 36.0
    assert w.grad == 24.0


def test_what_does_not_depend_on_the_argument_has_gradient_zero():
    np.testing.assert_array_equal(tg.grad(lambda x: 3.0)(np.ones(2)), np.zeros(2))
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(np.floor(x)))(np.ones(2)), np.zeros(2))


def test_vjp_takes_trees_and_can_be_called_again():
    def f(x, y):
        return {"sum": x + y, "product": x * y}

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    output, pullback = tg.vjp(f, x, y)
    np.testing.assert_array_equal(output["product"], x * y)
    for scale in (1.0, 10.0):
        gx, gy = pullback({"sum": np.full(2, scale), "product": np.full(2, scale)})
        np.testing.assert_array_equal(gx, scale * (1 + y))
        np.testing.assert_array_equal(gy, scale * (1 + x))


def test_vjp_adds_up_an_output_that_is_returned_twice():
    _, pullback = tg.vjp(lambda x: (y := 2 * x, y, x), 1.0)
    assert pullback((1.0, 10.0, 100.0)) == (122.0,)


def test_the_pullback_itself_is_differentiable():
    # g -> g · cos(x): its derivative in g is cos(x), which is how forward mode is made of reverse.
    def pulled(g, x):
        return tg.vjp(np.sin, x)[1](g)[0]

    assert tg.grad(pulled)(1.0, 0.3) == np.cos(0.3)
    np.testing.assert_allclose(tg.grad(pulled, argnums=1)(2.0, 0.3), -2 * np.sin(0.3), rtol=1e-15)


def test_stop_gradient_makes_a_constant():
    assert tg.grad(lambda x: x * tg.stop_gradient(x * x))(3.0) == 9.0


def test_check_grads_catches_a_wrong_vjp_at_first_and_at_second_order():
    @tg.primitive
    def cube(x):
        return x**3

    x = np.array([0.5, 1.5])
    cube.defvjp(lambda g, y, x: g * 3 * x)
    with pytest.raises(AssertionError, match="order 1"):
        tg.check_grads(cube, (x,))
    # Right values that the tape can't see into: only the second order shows it.
    cube.defvjp(lambda g, y, x: g * (3 * tg.stop_gradient(x) ** 2))
    tg.check_grads(cube, (x,), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        tg.check_grads(cube, (x,))
    cube.defvjp(lambda g, y, x: g * 3 * x**2)
    tg.check_grads(cube, (x,), order=3)
    with pytest.raises(TypeError, match="float32; finite differences need float64"):
        tg.check_grads(cube, (x.astype(np.float32),))


@pytest.mark.parametrize(
    ("error", "text", "run"),
    [
        (
            TypeError,
            r"grad: argument 0 \(w\) is int64",
            lambda: tg.grad(np.sum)({"w": np.ones(2, int)}),
        ),
        (
            ValueError,
            r"must return a scalar, it returned shape \(2,\)",
            lambda: tg.grad(np.sin)(np.ones(2)),
        ),
        (TypeError, "must return a real number", lambda: tg.grad(np.exp)(1j)),
        (TypeError, "it returned bool", lambda: tg.grad(lambda x: np.allclose(x, 1.0))(1.0)),
        (ValueError, "argument 3 is to be diff", lambda: tg.grad(np.sin, argnums=3)(1.0)),
        (TypeError, "returned a NoneType", lambda: tg.grad(lambda x: None)(1.0)),
        (TypeError, "must return a pair", lambda: tg.grad(np.sum, has_aux=True)(1.0)),
        (TypeError, "has_aux=True", lambda: tg.grad(lambda x: (x, x))(1.0)),
        (TypeError, "MaskedArray has rules", lambda: tg.grad(np.sum)(np.ma.array([1.0]))),
        (TypeError, "matrix has rules", lambda: tg.grad(lambda x: np.sum(x * MATRIX))(1.0)),
        (
            ValueError,
            r"cotangent has shape \(3,\)",
            lambda: tg.vjp(np.sin, np.ones(2))[1](np.ones(3)),
        ),
    ],
)
def test_misuse_gets_one_clear_sentence(error, text, run):
    with pytest.raises(error, match=text):
        run()


def test_gradients_own_their_memory():
    grads = tg.grad(lambda p: np.sum((p["w"] + p["v"]) ** 2))({"w": np.ones(2), "v": np.ones(2)})
    grads["w"] *= 10
    np.testing.assert_array_equal(grads["v"], [4, 4])
    a, b = (tg.Tensor(np.ones(2), requires_grad=True) for _ in "ab")
    np.sum(a + b).backward()
    a.grad[...] = 7
    np.testing.assert_array_equal(b.grad, [1, 1])
    cotangent = np.ones(2)
    (a + 0).backward(cotangent)
    b.grad = None
    (b + 0).backward(cotangent)
    cotangent[...] = 9
    np.testing.assert_array_equal(b.grad, [1, 1])
    _, pullback = tg.vjp(lambda x: x + 0, np.ones(2))
    cotangent = np.ones(2)
    (gradient,) = pullback(cotangent)
    cotangent[...] = 9
    np.testing.assert_array_equal(gradient, [1, 1])


def test_a_value_used_often_has_second_derivatives():
    x = np.array([0.5, 2.0])
    np.testing.assert_array_equal(tg.hessian(lambda x: np.sum(x * x + x + x))(x), 2 * np.eye(2))
    product = tg.hvp(lambda x: np.sum(np.sin(x) + x + x + x), (x,), (np.ones(2),))
    np.testing.assert_allclose(product, -np.sin(x))


def identity(x):
    return x


# name: a function whose output shares memory with its argument or with the tape
SHARING = {
    "the argument": identity,
    "a view of it": lambda x: x.reshape(3, 1),
    "a part of it": lambda x: x[1:],
    "the transpose": lambda x: (x * np.ones((2, 3))).T,
    "what the VJP uses": np.exp,
    "tanh": np.tanh,
    "the same twice": lambda x: (x, x.reshape(3, 1)),
    "intermediate and end": lambda x: (lambda y: (y, np.sin(y)))(np.exp(x)),
}


@pytest.mark.parametrize("name", SHARING)
@pytest.mark.parametrize("size", [1, 10_000])
def test_outputs_may_be_written_to(name, size):
    f = SHARING[name] if size == 1 else lambda x: SHARING[name](x[:3])
    x = np.linspace(0.1, 0.7, 3 * size)
    before = x.copy()
    expected, pull = tg.vjp(f, x)
    cotangent = tg.tree.map(np.ones_like, expected)
    wanted = pull(cotangent)[0]
    expected = tg.tree.map(np.copy, expected)
    output, pullback = tg.vjp(f, x)
    jvp_output, _ = tg.jvp(f, (x,), (x,))
    _, aux = tg.value_and_grad(lambda x: (np.sum(x), f(x)), has_aux=True)(x)[0]
    for outputs in map(tg.tree.leaves, (output, jvp_output, aux)):
        for i, written in enumerate(outputs):
            np.testing.assert_array_equal(written, tg.tree.leaves(expected)[i])
            written *= 0
            written -= 5
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(pullback(cotangent)[0], wanted)


def test_arrays_of_detached_tensors_do_not_share_the_tape():
    x = tg.Tensor(np.array([0.5, 1.0]), requires_grad=True)
    y = np.exp(x)
    np.asarray(y.detach())[:] = 0
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, np.exp([0.5, 1.0]))

"""What a choice leaves out has the derivative 0, however steep the operations that made it are."""

import warnings

import numpy as np
import pytest

import tinygrad_np as tg

X = np.array([0.0, 4.0, -1.0, 9.0, 2.0, 0.5])
CHOSEN = X > 0
HARMLESS = np.where(CHOSEN, X, 3.0)
INDEX = np.flatnonzero(CHOSEN)
where, log, sqrt = np.where, np.log, np.sqrt
windows = np.lib.stride_tricks.sliding_window_view


def twice(a):
    return np.stack([a, a])


# name: a function of x and of the places where x > 0, which uses no other element of √x or log x
LEFT_OUT = {
    "reshape": lambda x, c: where(c.reshape(2, 3), sqrt(x).reshape(2, 3), 0),
    "transpose": lambda x, c: where(c.reshape(2, 3).T, sqrt(x.reshape(2, 3)).T * 2, 0),
    "slice": lambda x, c: where(c[1:], sqrt(x)[1:], 0) * where(c[:-1], log(x)[:-1], 1),
    "slice alone": lambda x, c: sqrt(x)[1:2] * log(x)[3:],
    "mask": lambda x, c: (x * log(x))[c],
    "integers": lambda x, c: log(x)[INDEX] + np.take(sqrt(x), INDEX[::-1]),
    "compress": lambda x, c: np.compress(c, log(x)) * np.extract(c, sqrt(x)),
    "delete": lambda x, c: np.delete(log(x), np.flatnonzero(~c)) ** 2,
    "stack": lambda x, c: where(twice(c), np.stack([sqrt(x), log(x)]), 0),
    "concatenate": lambda x, c: where(np.tile(c, 2), np.concatenate([sqrt(x), log(x)]), 1),
    "tile": lambda x, c: where(np.tile(c, (2, 2)), np.tile(log(x), (2, 2)), 0),
    "flip": lambda x, c: where(c[::-1], np.flip(log(x)), 0),
    "roll": lambda x, c: where(np.roll(c, 2), np.roll(log(x), 2), 0),
    "pad": lambda x, c: where(np.pad(c, 1), np.pad(sqrt(x), 1), 0),
    "expand_dims": lambda x, c: where(c[:, None], sqrt(x)[:, None] * np.arange(3.0), 0),
    "broadcast": lambda x, c: where(c, np.broadcast_to(sqrt(x), (2, 6)), 0),
    "windows": lambda x, c: where(windows(c, 2), windows(sqrt(x), 2), 0),
    "unpacking": lambda x, c: (lambda a: a[1] * a[3])([*sqrt(x)]),
    "split": lambda x, c: np.split(sqrt(x), [3])[1] * where(c[:3], np.split(log(x), 2)[0], 1),
    "diagonal": lambda x, c: np.diagonal(where(c, log(x), 0) * np.ones((6, 1))),
    "triangle": lambda x, c: np.tril(sqrt(x[1] * x[:2][::-1]) * np.ones((2, 1)), 0)[0],
    "set": lambda x, c: tg.Tensor(np.ones(6)).at[c].set(sqrt(x)[c]),
    "overwritten": lambda x, c: sqrt(x).at[~c].set(0.0),
    "real": lambda x, c: where(c, np.imag(1j * sqrt(x)) + np.real(log(x)), 0),
    "maximum": lambda x, c: np.maximum(where(c, log(x), 0), 0.5),
    "select": lambda x, c: np.select([twice(c), twice(~c)], [twice(log(x)), 1.0], 0),
    "piecewise": lambda x, c: np.piecewise(x, [c], [np.log, 0]),
    "nested": lambda x, c: where(c, where(x > 3, log(x).reshape(6), sqrt(x)), 0),
    "sum": lambda x, c: np.sum(log(x), where=c) ** 2,
    "mean": lambda x, c: np.mean(twice(sqrt(x)), 1, where=c, keepdims=True) * [[1], [3]],
    "prod": lambda x, c: np.prod(log(x), where=c),
    "max": lambda x, c: np.max(sqrt(x), where=c, initial=0) * np.min(log(x), where=c, initial=9),
    "var": lambda x, c: np.var(log(x), where=c) + np.std(sqrt(x), where=c),
    "logaddexp": lambda x, c: np.logaddexp.reduce(log(x), where=c),
    "ufunc": lambda x, c: np.sqrt(x * log(x), where=x > 1, out=None),
    "rows": lambda x, c: where([True, False], np.sum(sqrt(x)[[[1, 3], [0, 2]]], axis=1), 0),
    "running sum": lambda x, c: np.cumsum(sqrt(x)[::-1])[:3] * np.cumprod(log(x)[3:]),
    "several parts": lambda x, c: where(c, np.modf(sqrt(x / 10))[0], 0),
    "activations": lambda x, c: where(c, tg.relu(sqrt(x)).reshape(6) * np.sinc(log(x)), 0),
    "bias_relu": lambda x, c: where(c, tg.bias_relu(sqrt(x), log(x + 2)), 0),
    "einsum": lambda x, c: np.einsum("i,j->", sqrt(x)[c], log(x)[3:]),
}


@pytest.mark.parametrize("name", LEFT_OUT)
@pytest.mark.filterwarnings("ignore")
def test_what_is_left_out_has_the_derivative_0(name):
    """What is left out may as well be harmless: all other derivatives are the same to the bit."""

    def f(x):
        return LEFT_OUT[name](x, CHOSEN) * 1.5

    def total(x):
        return np.sum(f(x))

    v = np.linspace(0.5, 1.0, 6)
    both = CHOSEN[:, None] & CHOSEN
    same = np.testing.assert_array_equal
    same(tg.grad(total)(X), np.where(CHOSEN, tg.grad(total)(HARMLESS), 0))
    same(tg.hessian(total)(X), np.where(both, tg.hessian(total)(HARMLESS), 0))
    same(tg.jvp(f, (X,), (v,))[1], tg.jvp(f, (HARMLESS,), (v * CHOSEN,))[1])
    product = tg.hvp(total, (HARMLESS,), (v * CHOSEN,))
    same(tg.hvp(total, (X,), (v,)), np.where(CHOSEN, product, 0))
    leaf = tg.Tensor(X, requires_grad=True)
    total(leaf).backward()
    same(leaf.grad, tg.grad(total)(X))


NAN_FUNCTIONS = {
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanprod": np.nanprod,
    "nanmax": lambda y: np.nanmax(y) * np.nanmin(y),
    "nanvar": lambda y: np.nanvar(y, axis=0, keepdims=True)[0],
    "nanstd": lambda y: np.nanstd(y[None], 1)[0],
    "nanmedian": lambda y: np.nanmedian(y) ** 2,
    "nanquantile": lambda y: np.prod(np.nanquantile(y[:, None], [[0.3, 0.6]], axis=0)),
    "nancumsum": lambda y: np.nancumsum(y)[-1] ** 2,
    "nan_to_num": lambda y: np.sum(np.nan_to_num(y[None])),
}


@pytest.mark.parametrize("name", NAN_FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_nan_that_is_left_out_has_the_derivative_0(name):
    """All other derivatives are those without it."""

    def f(x):
        return NAN_FUNCTIONS[name](np.sqrt(x))

    x, used = np.array([4.0, -1.0, 9.0, 2.0, -3.0]), np.array([0, 2, 3])
    gradient, hessian = np.zeros(5), np.zeros((5, 5))
    gradient[used], hessian[np.ix_(used, used)] = tg.grad(f)(x[used]), tg.hessian(f)(x[used])
    np.testing.assert_allclose(tg.grad(f)(x), gradient, rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f)(x), hessian, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(np.log(x), -9, 9),
        lambda x: np.maximum(np.log(x), -9.0),
        lambda x: -np.fmin(9.0, -np.log(x)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_beyond_a_bound_has_the_derivative_0(f):
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(f(x)))(np.array([0.0, 4.0])), [0, 0.25])


@pytest.mark.filterwarnings("ignore")
def test_what_is_used_elsewhere_too_keeps_its_derivative():
    def f(x):
        root = np.sqrt(x)
        return np.sum(np.where(x > 0, root.reshape(2, 2).T.T.ravel(), x)) + 2 * root[3]

    np.testing.assert_array_equal(tg.grad(f)(np.array([4.0, -1.0, 0.0, 0.0])), [0.25, 1, 1, np.inf])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sqrt(x)[:1],
        lambda x: np.sum(np.sqrt(x), where=x >= 0),
        lambda x: np.where(x >= 0, np.sqrt(x).reshape(1, 2), 0),
        lambda x: np.maximum(np.sqrt(x), 0),
        lambda x: np.clip(np.sqrt(x), 0, 9),
        lambda x: np.nansum(np.sqrt(x)),
    ],
)
def test_what_is_used_and_infinitely_steep_stays_so(f):
    assert tg.grad(lambda x: np.sum(f(x)))(np.array([0.0, 4.0]))[0] == np.inf


def test_values_are_let_go_of_also_after_a_choice():
    x = tg.Tensor([4.0, 9.0], requires_grad=True)
    loss = np.sum(np.sqrt(x)[1:])
    tape = loss.tape()
    loss.backward()
    assert all(record.released for record in tape)


def test_uses_are_counted_without_overflow():
    def f(x):
        y = np.where(x > 0, x, np.nan * x)
        for _ in range(100):
            y = 0.5 * y + 0.5 * y
        return np.nansum(y)

    np.testing.assert_array_equal(tg.grad(f)(np.array([1.0, -1.0])), [1, 0])


def test_a_right_gradient_warns_of_nothing():
    """The square root is infinitely steep at 0, which the choice leaves out."""

    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0) * np.where(x > 0, np.log(x + (x <= 0)), 1))

    x = np.array([0.0, 4.0, 1.0])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        np.testing.assert_allclose(tg.grad(f)(x), [0, (np.log(4) / 2 + 1) / 2, 1])
        tg.hessian(f)(x)
        leaf = tg.Tensor(x, requires_grad=True)
        f(leaf).backward()
    np.testing.assert_allclose(leaf.grad, tg.grad(f)(x))


def test_an_infinite_gradient_warns_once_also_beside_a_choice():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        gradient = tg.grad(lambda x: np.sum(np.where(x >= 0, np.sqrt(x), 0)))(np.array([0.0, 1]))
    np.testing.assert_array_equal(gradient, [np.inf, 0.5])
    with pytest.raises(FloatingPointError), np.errstate(divide="raise"):
        tg.grad(lambda x: np.sum(np.where(x >= 0, np.sqrt(x), 0)))(np.array([0.0, 1]))

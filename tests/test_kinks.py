"""Second derivatives at kinks are right, or NaN with a warning that names function and place."""

import warnings

import numpy as np
import pytest

import tinygrad_np as tg

la = np.linalg
TWO, ROWS = np.zeros(2), np.array([[0.0, 0.0], [3.0, -4.0], [0.0, 0.0]])
X = np.array([0.0, 1.5, -2.0, 0.0])
DATA = np.arange(6.0).reshape(3, 2)


def squares(x):
    return np.sum(x * x)


def complex_of(x):
    return x[:2] + 1j * x[2:]


SMOOTH = {
    # name: (function, where it has a kink inside, the same without one)
    "norm": (lambda x: la.norm(x) ** 2, TWO, squares),
    "norm, product": (lambda x: (lambda y: y * y)(la.norm(x)), TWO, squares),
    "norm, twice": (lambda x: la.norm(x) * la.norm(x), TWO, squares),
    "abs, twice": (lambda x: np.sum(np.abs(x) * np.abs(x)), X, squares),
    "hypot, three times": (
        lambda x: np.hypot(x[0], x[1]) * (lambda a, b: np.hypot(a, b) * np.hypot(a, b) ** 2)(*x),
        TWO,
        lambda x: squares(x) ** 2,
    ),
    "norm, bell": (lambda x: np.exp(-(la.norm(x) ** 2)), TWO, lambda x: np.exp(-squares(x))),
    "norm, cosine": (lambda x: np.cos(la.norm(x)), TWO, lambda x: 1 - squares(x) / 2),
    "norm, cube": (lambda x: la.norm(x) ** 3, TWO, lambda x: 0 * squares(x)),
    "norm, weights": (
        lambda x: la.norm(x[:2]) ** 2 * np.exp(x[2]),
        np.array([0.0, 0.0, 0.5]),
        lambda x: squares(x[:2]) * np.exp(x[2]),
    ),
    "ridge": (
        lambda x: np.sum((DATA @ x - 1) ** 2) + 100 * la.norm(x) ** 2,
        TWO,
        lambda x: np.sum((DATA @ x - 1) ** 2) + 100 * squares(x),
    ),
    "norms of rows": (lambda x: np.sum(la.norm(x, axis=-1) ** 2), ROWS, squares),
    "norms kept": (lambda x: np.sum(la.norm(x, 2, 1, True) ** 2), ROWS, squares),
    "vector_norm": (lambda x: la.vector_norm(x, axis=(0, 1)) ** 2, 0 * ROWS, squares),
    "frobenius": (lambda x: la.matrix_norm(x) ** 2, 0 * ROWS, squares),
    "norm of a column": (lambda x: la.norm(x, 2) ** 2, np.zeros((3, 1)), squares),
    "norm, order 4": (lambda x: la.norm(x, 4) ** 4, TWO, lambda x: np.sum(x**4)),
    "complex norm": (lambda x: la.norm(complex_of(x)) ** 2, np.zeros(4), squares),
    "hypot": (lambda x: np.hypot(x[0], x[1]) ** 2, TWO, squares),
    "hypot that broadcasts": (
        lambda x: np.sum(np.hypot(x[0], x[1:]) ** 2),
        np.zeros(3),
        lambda x: np.sum(x[0] * x[0] + x[1:] * x[1:]),
    ),
    "hypot.reduce": (np.hypot.reduce, np.array([0.0, 0.0, 3.0]), lambda x: np.sqrt(squares(x))),
    "std": (lambda x: np.std(x) ** 2, np.ones(3), np.var),
    "std of rows": (
        lambda x: np.sum(np.std(x, 1, ddof=1) ** 2),
        ROWS,
        lambda x: np.sum(np.var(x, 1, ddof=1)),
    ),
    "std about a mean": (
        lambda x: np.std(x, mean=np.mean(x, keepdims=True)) ** 2,
        np.ones(3),
        np.var,
    ),
    "std of some": (
        lambda x: np.std(x, where=[True, True, False]) ** 2,
        np.array([2.0, 2.0, 5.0]),
        lambda x: np.var(x[:2]),
    ),
    "abs": (lambda x: np.sum(np.abs(x) ** 2), X, squares),
    "abs, cube": (lambda x: np.sum(np.fabs(x) ** 3), X, lambda x: np.sum(np.sign(X) * x**3)),
    "abs, huber": (
        lambda x: np.sum(np.where(np.abs(x) < 1, np.abs(x) ** 2 / 2, np.abs(x) - 0.5)),
        X,
        lambda x: (x[0] ** 2 + x[3] ** 2) / 2 + x[1] - x[2],
    ),
    "abs left out": (
        lambda x: np.sum(np.where(x > 0, np.abs(x) ** 2, 0)),
        X,
        lambda x: x[1] ** 2,
    ),
    "norms left out": (
        lambda x: np.sum(np.where([False, True, False], la.norm(x, axis=1) * np.sum(x), 0)),
        ROWS,
        lambda x: la.norm(x[1]) * np.sum(x),
    ),
    "L1 penalty": (lambda x: np.sum(np.abs(x)) + la.norm(x, 1), X, lambda x: 2 * (x[1] - x[2])),
    "L1 penalty, weighted": (
        lambda x: x[1] * np.sum(np.abs(x)) + x[2] ** 2 * la.norm(x, 1),
        X,
        lambda x: x[1] * (x[1] - x[2]) + x[2] ** 2 * (x[1] - x[2]),
    ),
    "complex abs": (
        lambda x: np.sum(np.abs(complex_of(x)) ** 2),
        np.array([0.0, 1.0, 0.0, 2.0]),
        squares,
    ),
    "power spectrum": (
        lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2),
        np.ones(4),
        lambda x: 4 * squares(x),
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_smooth_functions_of_what_has_a_kink_have_their_second_derivatives(name, dtype):
    f, x, same = SMOOTH[name]
    x = x.astype(dtype)
    v = np.linspace(-1, 2, x.size, dtype=dtype).reshape(x.shape)
    close = np.testing.assert_allclose
    options = {
        "rtol": 1e-5 if dtype is np.float32 else 1e-12,
        "atol": 1e-5 if dtype is np.float32 else 1e-12,
    }
    close(tg.grad(f)(x), tg.grad(same)(x), **options)
    close(tg.hessian(f)(x), tg.hessian(same)(x), **options)
    close(tg.hvp(f, (x,), (v,)), tg.hvp(same, (x,), (v,)), **options)
    close(tg.jvp(tg.grad(f), (x,), (v,))[1], tg.hvp(same, (x,), (v,)), **options)


NOWHERE = {
    # name: (function, where, what the warning says)
    "norm": (la.norm, TWO, r"linalg.norm has no second derivative at 0 \(element \[0\]\)"),
    "norm of a row": (
        lambda x: np.sum(la.norm(x, axis=1)),
        ROWS[1:],
        r"linalg.norm has no .* \[1, 0\]",
    ),
    "sum of norms, squared": (lambda x: np.sum(la.norm(x, axis=1)) ** 2, ROWS, "linalg.norm has"),
    "norm times a sum": (lambda x: la.norm(x) * np.sum(x), TWO, "linalg.norm has no"),
    "two norms": (lambda x: la.norm(x) * la.norm(x + 0), TWO, "linalg.norm has no"),
    "norm, checkpoint": (lambda x: tg.checkpoint(la.norm)(x) ** 2, TWO, "linalg.norm has no"),
    "order 1": (lambda x: la.norm(x, 1) ** 2, TWO, "linalg.norm has no"),
    "order 4": (lambda x: la.norm(x, 4) ** 2, TWO, "linalg.norm has no"),
    "order inf": (lambda x: la.norm(x, np.inf) ** 2, TWO, "linalg.norm has no"),
    "order 1.5": (lambda x: la.norm(x, 1.5) ** 1.5, X, r"of order 1.5 .* \[0\]"),
    "matrix norm, order 1": (lambda x: la.norm(x, 1) ** 2, 0 * ROWS, "np.abs"),
    "hypot": (
        lambda x: np.hypot(x[0], x[1]),
        TWO,
        r"np.hypot has no second derivative at \(0, 0\)",
    ),
    "std": (np.std, np.ones(3), "np.std .* where all elements are equal"),
    "complex abs": (lambda x: np.abs(x[0] + 1j * x[1]), TWO, "np.abs .* no second derivative at 0"),
    "abs times x": (lambda x: np.sum(np.abs(x) * x), X, r"np.abs .* at 0 \(element \[0\]\)"),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), TWO, "np.arctan2 has no derivative"),
    "angle": (lambda x: np.angle(x[0] + 1j * x[1]) * x[0], TWO, "np.arctan2 has no derivative"),
    "complex sign": (
        lambda x: np.real(np.sign(x[0] + 1j * x[1]) ** 2) * squares(x),
        TWO,
        "np.sign of complex numbers has no derivative at 0",
    ),
}


@pytest.mark.filterwarnings("ignore")  # of further elements
@pytest.mark.parametrize("name", NOWHERE)
def test_what_has_no_second_derivative_is_nan_with_a_warning(name):
    f, x, message = NOWHERE[name]
    assert np.isfinite(tg.grad(f)(x)).all()
    with pytest.warns(RuntimeWarning, match=message):
        assert np.isnan(tg.hessian(f)(x)).any()
    with pytest.warns(RuntimeWarning, match=message):
        assert np.isnan(tg.hvp(f, (x,), (np.ones_like(x),))).any()
    with pytest.warns(RuntimeWarning, match=message):
        assert np.isnan(tg.jvp(tg.grad(f), (x,), (np.ones_like(x),))[1]).any()


@pytest.mark.parametrize("name", ["norm", "hypot", "std", "abs", "complex abs"])
def test_orders_that_are_not_known_are_nan_with_a_warning(name):
    f, x, _ = SMOOTH[name]
    v = np.ones_like(x)
    for g in (
        lambda x: np.sum(tg.hvp(f, (x,), (v,))),  # a third derivative
        lambda x: tg.jvp(f, (x,), (v,))[1],  # a second one that the tape of the first does not tell
    ):
        with pytest.warns(RuntimeWarning, match="has no|have no"):
            assert np.isnan(tg.grad(g)(x)).any()


def test_first_derivatives_take_0_in_either_direction():
    for f, x, _ in (*SMOOTH.values(), *NOWHERE.values()):
        v = np.linspace(1, 2, x.size).reshape(x.shape)
        np.testing.assert_allclose(
            tg.jvp(f, (x,), (v,))[1], np.sum(tg.grad(f)(x) * v), rtol=1e-12, atol=1e-12
        )


def test_the_deviation_of_one_element_has_derivatives_of_every_order():
    """It is 0 everywhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tg.grad(tg.grad(np.std))(3.5) == 0
        found = tg.hessian(lambda x: np.sum(np.std(x, axis=1) ** 2 + np.std(x, axis=1)))(
            np.ones((2, 1))
        )
    np.testing.assert_array_equal(found, np.zeros((2, 1, 2, 1)))

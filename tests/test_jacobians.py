"""jvp, hvp, jacobian and hessian against finite differences and by-hand derivatives."""

import numpy as np
import pytest

import tinygrad_np as tg

rng = np.random.default_rng(0)
X, Y, W = rng.uniform(0.5, 1.5, 3), rng.uniform(0.5, 1.5, 3), rng.uniform(-1, 1, (2, 3))


def finite_differences(f, x, step=1e-6):
    """The Jacobian of f: arrays to arrays, column by column."""
    columns = []
    for index in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[index] = step
        columns.append((f(x + h) - f(x - h)) / (2 * step))
    return np.stack(columns, -1).reshape(*np.shape(f(x)), *x.shape)


FUNCTIONS = {
    "as many outputs": lambda x: np.sin(x) * x[::-1],
    "fewer outputs": lambda x: np.stack([np.sum(x**3), np.prod(x)]),
    "more outputs": lambda x: np.outer(x, np.exp(x)),
    "a scalar": lambda x: np.linalg.norm(x),
    "matrix product": lambda x: W @ x,
    "constant in x": lambda x: np.zeros(4) * x[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian_and_jvp_equal_finite_differences(name):
    f = FUNCTIONS[name]
    wanted = finite_differences(f, X)
    found = tg.jacobian(f)(X)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-8)
    output, tangent = tg.jvp(f, (X,), (Y,))
    np.testing.assert_array_equal(output, f(X))
    np.testing.assert_allclose(tangent, wanted @ Y, atol=1e-8)
    assert type(tangent) is type(f(X))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessian_and_hvp_equal_finite_differences_of_the_gradient(name):
    def scalar(x):
        return np.sum(np.cos(FUNCTIONS[name](x)))

    wanted = finite_differences(tg.grad(scalar), X)
    np.testing.assert_allclose(tg.hessian(scalar)(X), wanted, atol=1e-7)
    np.testing.assert_allclose(tg.hvp(scalar, (X,), (Y,)), wanted @ Y, atol=1e-7)


def test_trees_go_in_and_out():
    def f(params, y):
        return {"sum": np.sum(params["x"] * y), "pair": (params["w"] @ y, params["x"])}

    jac_params, jac_y = tg.jacobian(f, argnums=(0, 1))({"x": X, "w": W}, Y)["pair"][0]
    np.testing.assert_allclose(jac_params["w"], np.einsum("ij,k->ijk", np.eye(2), Y))
    np.testing.assert_array_equal(jac_params["x"], np.zeros((2, 3)))
    np.testing.assert_allclose(jac_y, W)
    _, tangents = tg.jvp(f, ({"x": X, "w": W}, Y), ({"x": Y, "w": 0 * W}, X))
    np.testing.assert_allclose(tangents["sum"], np.sum(Y * Y + X * X))
    np.testing.assert_allclose(tangents["pair"][0], W @ X)

    def g(params):
        return np.sum(params["x"] ** 2 * params["y"])

    blocks = tg.hessian(g)({"x": X, "y": Y})
    np.testing.assert_allclose(blocks["x"]["x"], np.diag(2 * Y))
    np.testing.assert_allclose(blocks["x"]["y"], np.diag(2 * X))
    np.testing.assert_allclose(blocks["y"]["y"], np.zeros((3, 3)))
    products = tg.hvp(lambda x, y: g({"x": x, "y": y}), (X, Y), (X, Y))
    np.testing.assert_allclose(products[0], 4 * X * Y)
    np.testing.assert_allclose(products[1], 2 * X**2)


def test_scalars_and_kwargs():
    assert tg.jacobian(lambda x, *, scale: scale * x**2)(3.0, scale=2.0) == 12.0
    assert tg.hessian(lambda x: x**3)(2.0) == 12.0
    assert tg.hvp(lambda x: x**3, (2.0,), (10.0,)) == 120.0
    np.testing.assert_array_equal(
        tg.jacobian(lambda s, x: s * x, argnums=-1)(2.0, X), 2 * np.eye(3)
    )


def test_empty_arrays_have_empty_jacobians():
    assert tg.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert tg.jacobian(lambda x: np.sum(x))(X[:0]).shape == (0,)


def test_complex_inputs_have_one_convention_whatever_the_shapes():
    z = np.array([1 + 2j])

    def f(z):
        return np.concatenate([np.real(z * z), np.imag(z * z), np.abs(z)])

    # dL/dRe(z) - i dL/dIm(z), row by row
    wanted = [2 + 4j, 4 - 2j, (1 - 2j) / abs(1 + 2j)]
    np.testing.assert_allclose(tg.jacobian(f)(z).ravel(), wanted)
    np.testing.assert_allclose(tg.jacobian(lambda z: f(z)[:1])(z).ravel(), wanted[:1])


def test_what_jumps_has_a_tangent_of_zero():
    (_, largest), (_, tangent) = tg.jvp(lambda x: (x, np.argmax(x)), (X,), (Y,))
    assert largest == np.argmax(X)
    assert tangent == 0


def test_transforms_nest():
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(tg.jacobian(lambda z: z**3)(x)))(X), 6 * X)
    np.testing.assert_allclose(
        tg.grad(lambda x: np.sum(tg.jvp(np.sin, (x,), (Y,))[1]))(X), -np.sin(X) * Y
    )
    np.testing.assert_allclose(
        tg.grad(lambda v: np.sum(tg.jvp(np.sin, (X,), (v,))[1]))(Y), np.cos(X)
    )
    np.testing.assert_allclose(
        tg.jvp(lambda x: tg.hvp(lambda z: np.sum(z**4), (x,), (Y,)), (X,), (Y,))[1], 24 * X * Y**2
    )
    third = tg.jacobian(tg.hessian(lambda x: np.sum(x**4)))(X)
    np.testing.assert_allclose(np.einsum("iii->i", third), 24 * X)


def test_the_network_operations_have_jvps():
    images, kernel = rng.normal(size=(2, 6, 6, 2)), rng.normal(size=(3, 3, 2, 4))

    def f(images, kernel):
        return tg.max_pool2d(tg.relu(tg.conv2d(images, kernel)))

    directions = rng.normal(size=images.shape), rng.normal(size=kernel.shape)
    _, tangent = tg.jvp(f, (images, kernel), directions)
    step = 1e-6
    ahead, behind = (
        f(images + s * directions[0], kernel + s * directions[1]) for s in (step, -step)
    )
    np.testing.assert_allclose(tangent, (ahead - behind) / (2 * step), atol=1e-7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.jvp(np.sin, X, (Y,)), TypeError, "jvp: primals must be a tuple"),
        (lambda: tg.jvp(np.sin, (X,), Y), TypeError, "jvp: tangents must be a tuple"),
        (lambda: tg.jvp(np.sin, (X,), (W,)), ValueError, r"shape \(2, 3\) where primals have \(3,"),
        (lambda: tg.jvp(np.sin, (X,), (Y, Y)), ValueError, "trees differ"),
        (lambda: tg.hvp(np.sum, (X,), Y), TypeError, "hvp: vectors must be a tuple"),
        (lambda: tg.hvp(np.sin, (X,), (Y,)), ValueError, "^hvp: the function must return a scalar"),
        (lambda: tg.hessian(np.sin)(X), ValueError, "^hessian: the function must return a scalar"),
        (lambda: tg.jvp(np.sin, (1,), (1,)), TypeError, "^jvp: argument 0 is int64"),
        (lambda: tg.hvp(np.sin, (1,), (1,)), TypeError, "^hvp: argument 0 is int64"),
        (
            lambda: tg.jacobian(np.dot, 1)(X, np.ones(3, int)),
            TypeError,
            "^jacobian: argument 1 is int64",
        ),
        (lambda: tg.hessian(np.sum)({"a": 1}), TypeError, r"^hessian: argument 0 \(a\) is int64"),
        (lambda: tg.jacobian(lambda x: x * 1j)(X), TypeError, "^jacobian: .* real numbers"),
        (lambda: tg.jacobian(np.sin, argnums=1)(X), ValueError, "^jacobian: argument 1 .*, 1 came"),
    ],
)
def test_mistakes_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call()

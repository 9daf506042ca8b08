"""Operations, derivatives and tensors in pickles, and copies of tensors."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_np as tg
from tests.numpy_calls import CALLS
from tests.pickled import Model, cube_sum, slope
from tinygrad_np.core.primitive import primitives

X = np.array([0.3, 1.2])
PRIMITIVES = [
    made
    for made in primitives
    if (getattr(made.forward, "__module__", None) or "numpy").startswith(("numpy", "tinygrad_np"))
]


def again(thing):
    return pickle.loads(pickle.dumps(thing))


def test_operations_are_pickled_by_name():
    for operation in PRIMITIVES:
        assert again(operation) is operation
        assert copy.deepcopy(operation) is operation
    assert again(tg.relu) is tg.relu
    assert again(slope) is slope


@pytest.mark.parametrize(
    "transform",
    [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.checkpoint],
    ids=lambda transform: transform.__name__,
)
def test_derivatives_of_functions_that_can_be_pickled_can_be(transform):
    for made in (transform(cube_sum), copy.deepcopy(transform(cube_sum))):
        found, expected = tg.tree.leaves(again(made)(X)), tg.tree.leaves(made(X))
        np.testing.assert_array_equal(found[-1], expected[-1])
        assert made.__name__ == "cube_sum"


def test_transforms_of_methods():
    np.testing.assert_array_equal(tg.grad(Model().loss)(X), 4 * X)
    np.testing.assert_array_equal(again(tg.grad(Model().loss))(X), 4 * X)
    np.testing.assert_array_equal(Model.static(X)[1], 2 * X)


def test_a_tensor_takes_its_tape_into_the_pickle():
    x = tg.Tensor(X, requires_grad=True, name="x")
    y = x
    for _ in range(1000):
        y = np.sin(y) + 0.1 * x
    u, s, _ = np.linalg.svd(np.outer(y, y) + np.eye(2))
    total = np.sum(u * s) ** 2 + np.std(y)
    copied = again(total)
    (leaf,) = {p for record in copied.tape() for _, p in record.parents if p.record is None}
    assert [r.op for r in copied.tape()] == [r.op for r in total.tape()]
    copied.backward()
    total.backward()
    assert (leaf.name, copied.data) == ("x", total.data)
    np.testing.assert_array_equal(leaf.grad, x.grad)
    assert again(total).data == total.data  # its tape was let go


def test_leaves_in_pickles_keep_what_they_are():
    x = tg.Tensor(X, requires_grad=True, name="x")
    np.sum(x * x).backward()
    pair = again([x, x])
    assert pair[0] is pair[1]
    assert (pair[0].name, pair[0].requires_grad) == ("x", True)
    np.testing.assert_array_equal(pair[0].grad, 2 * X)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_what_is_computed_stays_on_the_tape(copied):
    gradient = tg.grad(lambda x: np.sum(copied(x * 2) * copied(x)))(X)
    np.testing.assert_array_equal(gradient, 4 * X)
    leaf = tg.Tensor(X.copy(), requires_grad=True, name="x")
    other = copied(leaf)
    other.data[0] = 7
    assert (other.name, other.requires_grad, leaf.data[0]) == ("x", True, X[0])


def test_results_of_numpys_calls_can_be_pickled():
    """No operation is made of a function that a pickle can't name."""
    for name in ("np.std", "np.nanvar", "np.median", "np.einsum", "np.linalg.lstsq"):
        f, *args = CALLS[name]
        outputs = tg.tree.leaves(f(*(tg.Tensor(a, requires_grad=True) for a in args)))
        for output in outputs:
            np.testing.assert_array_equal(again(output).data, output.data)


def test_tensors_that_are_copied_together_stay_together():
    for swap in (False, True):
        x = tg.Tensor(X.copy(), requires_grad=True)
        y = x * x
        pair = copy.deepcopy([y, x] if swap else [x, y])
        leaf, square = pair[::-1] if swap else pair
        np.sum(square).backward()
        np.testing.assert_array_equal(leaf.grad, 2 * X)
        assert (x.grad is None) == (leaf is not x)

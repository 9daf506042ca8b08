"""Arrays to try an operation on, and what holds for every operation.

A test module of operations holds one table, `CASES`: a name, and (function of arrays or tensors,
its arguments). The arguments are float64 or complex128, without ties and away from kinks; a test
gives each case to `holds`.
"""

import numpy as np
import pytest

import tinygrad_np as tg


def makers(seed):
    """N, P, U, C: functions of a shape that make random arrays in general position.

    They are normally distributed; positive, away from 0; inside of (-1, 1); and complex.
    """
    rng = np.random.default_rng(seed)

    def N(*shape):
        return rng.normal(size=shape)

    def P(*shape):
        return rng.uniform(0.3, 2.0, shape)

    def U(*shape):
        return rng.uniform(-0.9, 0.9, shape)

    def C(*shape):
        return N(*shape) + 1j * N(*shape)

    return N, P, U, C


def tensors(*arrays):
    """Tensors whose gradients are wanted."""
    return [tg.Tensor(array, requires_grad=True) for array in arrays]


def single(array):
    """The array in single precision."""
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


def holds(f, *args, **options):
    """All that holds for an operation, in both precisions, and that its derivatives are right.

    They agree with central differences to second order; `options` are those of `tg.check_grads`.
    """
    agrees_with_numpy(f, *args)
    agrees_with_numpy(f, *map(single, args))
    tg.check_grads(lambda *args: _floats(f(*args)), args, **options)


def agrees_with_numpy(f, *arrays):
    """`f` of tensors is what NumPy makes of arrays; a gradient has its input's shape and dtype.

    Floating-point numbers come as tensors; integers, which vary in jumps, as plain arrays.
    """
    found, expected = f(*tensors(*arrays)), f(*arrays)
    assert type(found) is type(expected) or not isinstance(expected, (list, tuple))
    for output, value in zip(tg.tree.leaves(found), tg.tree.leaves(expected), strict=True):
        smooth = value.dtype.kind in "fc"
        assert type(output) is (tg.Tensor if smooth else type(value))
        same_numbers(output.data if smooth else output, value)
    outputs, pullback = tg.vjp(lambda *arrays: _floats(f(*arrays)), *arrays)
    for gradient, array in zip(pullback([*map(np.ones_like, outputs)]), arrays, strict=True):
        assert (gradient.shape, gradient.dtype) == (array.shape, array.dtype)


def same_numbers(found, expected):
    """Of one shape and dtype, equal to the last bit and the sign of a zero where they are real.

    Complex ones are equal to four units in the last place: there NumPy's own loops differ with
    where memory lies.
    """
    assert (np.shape(found), found.dtype) == (np.shape(expected), expected.dtype)
    kind = expected.dtype.kind
    rtol = 4 * np.finfo(expected.dtype).eps if kind == "c" else 0
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
    if kind == "f":
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def _floats(outputs):
    return [output for output in tg.tree.leaves(outputs) if output.dtype.kind in "fc"]


def is_plain(f, *arrays):
    """`f`, which varies in jumps, gives of tensors the arrays that NumPy gives, not tensors."""
    found, expected = (tg.tree.leaves(f(*args)) for args in (tensors(*arrays), arrays))
    for output, value in zip(found, expected, strict=True):
        assert type(output) is type(value)
        np.testing.assert_array_equal(output, value, strict=isinstance(value, np.ndarray))


def slopes(f, x):
    """The first and the second derivative of an elementwise function."""
    total = tg.grad(lambda x: np.sum(f(x)))
    return total(x), tg.grad(lambda x: np.sum(total(x)))(x)


def agrees_with_tensorflow(f, reference, *arrays, rtol=1e-10, atol=1e-13):
    """Values, and gradients for a random cotangent, are those of a function of TensorFlow's."""
    tf = pytest.importorskip("tensorflow")
    inputs = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        expected = reference(*inputs)
    output, pullback = tg.vjp(f, *arrays)
    cotangent = np.random.default_rng(0).normal(size=np.shape(output))
    np.testing.assert_allclose(output, expected, rtol=rtol, atol=atol)
    gradients = tape.gradient(expected, inputs, tf.constant(cotangent))
    for gradient, wanted in zip(pullback(cotangent), gradients, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=rtol, atol=atol)

"""What every differentiable NumPy function is held to, for tables of (function, its arguments)."""

import numpy as np

import tinygrad_np as tg

rng = np.random.default_rng(1)


def N(*shape):
    """Normally distributed."""
    return rng.normal(size=shape)


def P(*shape):
    """Positive, away from 0."""
    return rng.uniform(0.3, 2.0, shape)


def C(*shape):
    """Complex."""
    return N(*shape) + 1j * N(*shape)


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


def check(f, *args, order=2):
    """Values are NumPy's to the last bit, gradients have their inputs' dtypes and are right."""
    for precision in (np.asarray, single):
        values = [precision(arg) for arg in args]
        outputs, pullback = tg.vjp(lambda *t: tg.tree.map(_tensors_only, f(*t)), *values)
        expected = f(*values)
        for output, value in zip(tg.tree.leaves(outputs), tg.tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(output, value)
            assert (np.shape(output), output.dtype) == (np.shape(value), value.dtype)
        gradients = pullback(tg.tree.map(np.ones_like, outputs))
        for gradient, value in zip(gradients, values, strict=True):
            assert (gradient.shape, gradient.dtype) == (value.shape, value.dtype)
    tg.check_grads(f, args, order=order)


def _tensors_only(output):
    assert type(output) is tg.Tensor
    return output

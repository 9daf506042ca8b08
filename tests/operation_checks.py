"""What holds for every operation, and the numbers to try it on: used by the tests of operations."""

import numpy as np

import tinygrad_np as tg


class Draw:
    """Random arrays in general position: `Draw(seed).normal(2, 3)` is of shape (2, 3)."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def positive(self, *shape):
        return self.rng.uniform(0.3, 2.0, shape)

    def unit(self, *shape):
        """Inside of (-1, 1)."""
        return self.rng.uniform(-0.9, 0.9, shape)

    def complex(self, *shape):
        return self.normal(*shape) + 1j * self.normal(*shape)


def tensors(*arrays):
    return [tg.Tensor(array, requires_grad=True) for array in arrays]


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


def values_are_numpys(f, args):
    """To the last bit, dtype and sign of zeros included, in both precisions."""
    for arrays in (args, [single(arg) for arg in args]):
        outputs = tg.tree.leaves(f(*tensors(*arrays)))
        expected = tg.tree.leaves(f(*arrays))
        assert len(outputs) == len(expected)
        for output, value in zip(outputs, expected, strict=True):
            value = np.asarray(value)
            smooth = value.dtype.kind in "fc"
            output = output.data if type(output) is tg.Tensor else np.asarray(output)
            assert (output.shape, output.dtype) == (value.shape, value.dtype)
            np.testing.assert_array_equal(output, value)
            if smooth:
                np.testing.assert_array_equal(np.signbit(output.real), np.signbit(value.real))


def gradients_have_their_inputs_dtypes(f, args):
    args = [single(arg) for arg in args]
    output, pullback = tg.vjp(f, *args)
    for gradient, arg in zip(pullback(tg.tree.map(np.ones_like, output)), args, strict=True):
        assert (gradient.shape, gradient.dtype) == (arg.shape, arg.dtype)


def holds(f, args):
    """Values, dtypes, and derivatives to second order against central differences."""
    values_are_numpys(f, args)
    gradients_have_their_inputs_dtypes(f, args)
    tg.check_grads(f, args)

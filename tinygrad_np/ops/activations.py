"""Activation functions, under Keras's names and with Keras's defaults.

All but softmax and its kin work elementwise: the VJP is g · f'(x). The bias of `bias_relu` gets the
sum of that.
"""

from __future__ import annotations

import math

import numpy as np

from ..arguments import REAL, checked
from ..core.primitive import primitive
from ..kernels import activations as kernels
from ..kernels import erf as normal
from .ufunc_methods import _reduce_logaddexp_vjp


@primitive
@checked(x=REAL)
def relu(x):
    """y = max(x, 0).

    The derivative is 1 for x > 0 and 0 for x < 0; at the kink it is taken as 0, as in Keras. It
    can be read off the output: g · [y > 0].

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return kernels.relu(np.asarray(x))


@primitive
def where_positive(g, y):
    """g where y > 0, and 0 elsewhere: the VJP of ReLU, linear in g."""
    return kernels.where_positive(g, y)


relu.defvjp(lambda g, y, x: where_positive(g, y))
where_positive.defvjp(lambda h, z, g, y: where_positive(h, y), lambda h, z, g, y: 0)


@checked(x=REAL)
def bias_relu(x, bias=None):
    """y = max(x + bias, 0): what follows a convolution or a matrix product, in one pass.

    The derivative with respect to x + bias is 1 where that is positive and else 0, also at the
    kink, and y > 0 tells which: the VJP for x is g · [y > 0]. The bias was added to every row, so
    its VJP is the sum of the same over all axes but the last.

    Args:
        x: (..., features).
        bias: (features,), or None, which gives relu(x).

    Returns:
        The shape of x.

    Raises:
        ValueError: unless the bias has the length of the last axis of x.

    >>> bias_relu(np.array([[-1.0, 1.0], [0.5, 2.0]]), np.array([0.5, -1.5]))
    array([[0. , 0. ],
           [1. , 0.5]])
    """
    if bias is None:
        return relu(x)
    x, bias = (value if hasattr(value, "shape") else np.asarray(value) for value in (x, bias))
    if not x.shape or bias.shape != x.shape[-1:]:
        raise ValueError(
            f"bias_relu: bias must have the length of the last axis of x, its shape is "
            f"{bias.shape} (x {x.shape})"
        )
    return _bias_relu(x, bias)


@primitive(name="bias_relu", flops=lambda y, x, bias: 2 * y.size)
def _bias_relu(x, bias):
    return kernels.bias_relu(x, bias)


@primitive(flops=lambda gradients, g, y: 2 * g.size)
def bias_relu_gradients(g, y):
    """Both VJPs of `bias_relu` in one pass: g where y > 0, and the sums of that for the bias.

    They are linear in g. For cotangents h of the first and k of the second, the VJP is h + k where
    y > 0, with k broadcast.
    """
    return kernels.where_positive_and_sums(g, y)


bias_relu_gradients.defvjp(
    lambda h, gradients, g, y: where_positive(h[0] + h[1], y),
    lambda h, gradients, g, y: 0,
)
_bias_relu.defvjp_jointly(2, lambda g, y, x, bias: bias_relu_gradients(g, y))
_bias_relu.uses = lambda i, use, y, x, bias: use
bias_relu_gradients.uses = lambda i, use, gradients, g, y: use[0] | use[1]


@primitive
@checked(x=REAL)
def leaky_relu(x, negative_slope=0.2):
    """y = x for x > 0, negative_slope · x elsewhere; the derivative is 1 or the slope.

    Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).

    >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
    array([-0.2,  0. ,  2. ])
    """
    return np.where(x > 0, x, negative_slope * x)


leaky_relu.defvjp(lambda g, y, x, negative_slope=0.2: np.where(x > 0, g, negative_slope * g))


@primitive
@checked(x=REAL)
def elu(x, alpha=1.0):
    """y = x for x > 0, alpha · (eˣ - 1) elsewhere, where the derivative is alpha · eˣ.

    Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential
    linear units" (2016).

    >>> elu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.6321,  0.    ,  2.    ])
    """
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


elu.defvjp(lambda g, y, x, alpha=1.0: g * np.where(x > 0, 1, alpha * np.exp(np.where(x > 0, 0, x))))


@checked()
def selu(x):
    """y = 1.0507… · elu(x, 1.6732…), the constants that keep mean 0 and variance 1.

    Klambauer et al., "Self-normalizing neural networks" (2017).

    >>> float(selu(1.0).round(4))
    1.0507
    """
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


@primitive
@checked(x=REAL)
def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ). The derivative is y (1 - y).

    Computed from e^-|x|, which can't overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


sigmoid.defvjp(lambda g, y, x: g * (y * (1 - y)))


@primitive
@checked()
def softplus(x):
    """y = log(1 + eˣ). The derivative is eˣ / (1 + eˣ) = sigmoid(x).

    >>> float(softplus(0.0).round(4))
    0.6931
    """
    return np.logaddexp(x, 0)


softplus.defvjp(lambda g, y, x: g * sigmoid(x))


@primitive
@checked()
def softsign(x):
    """y = x / (1 + |x|). The derivative is 1 / (1 + |x|)².

    >>> softsign(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """
    return x / (1 + np.abs(x))


softsign.defvjp(lambda g, y, x: g / np.square(1 + np.abs(x)))


@checked()
def silu(x):
    """y = x · sigmoid(x), also called swish (Ramachandran, Zoph, Le, 2017).

    >>> float(silu(1.0).round(4))
    0.7311
    """
    return x * sigmoid(x)


@checked()
def mish(x):
    """y = x · tanh(softplus(x)) (Misra, 2019).

    >>> float(mish(1.0).round(4))
    0.8651
    """
    return x * np.tanh(softplus(x))


@primitive
@checked(x=REAL)
def hard_sigmoid(x):
    """y = x / 6 + 1/2, held between 0 and 1: sigmoid in straight lines.

    The derivative is 1/6 where 0 < y < 1; at the kinks it is taken as 0, as in Keras.

    >>> hard_sigmoid(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return np.clip(np.divide(x, 6) + 0.5, 0, 1)


hard_sigmoid.defvjp(lambda g, y, x: g * ((y > 0) & (y < 1)) / 6)


@checked()
def hard_swish(x):
    """y = x · hard_sigmoid(x) (Howard et al., "Searching for MobileNetV3", 2019).

    >>> hard_swish(np.array([-4.0, 0.0, 4.0]))
    array([-0.,  0.,  4.])
    """
    return x * hard_sigmoid(x)


@checked(x=REAL)
def gelu(x, approximate=False):
    """y = x · Φ(x), with the normal distribution function Φ(x) = (1 + erf(x / √2)) / 2.

    The derivative is Φ(x) + x · Φ'(x), where Φ'(x) = e^(-x²/2) / √(2π).

    Args:
        x: any shape, real.
        approximate: use Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Hendrycks, Gimpel, "Gaussian error linear units" (2016).

    >>> float(np.round(gelu(1.0), 4)), float(np.round(gelu(1.0, approximate=True), 4))
    (0.8413, 0.8412)
    """
    if approximate:
        t = np.clip(x, -10, 10)  # beyond, the tanh is ±1, and the cube might overflow
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (t + 0.044715 * t * t * t)))
    return _gelu(x)


@primitive(name="gelu")
def _gelu(x):
    return _in_single_or_double("gelu", normal.gelu, x)


@primitive
def gelu_gradient(g, x):
    """The VJP of `gelu`: g · (Φ(x) + x · Φ'(x)).

    It is linear in g; and the derivative of what g is multiplied with is (2 - x²) · Φ'(x).
    """
    return _in_single_or_double("gelu", normal.gelu_gradient, g, x)


def _in_single_or_double(name, kernel, *arrays):
    """The kernel knows float32 and float64; other real numbers go through one of them."""
    inputs = np.broadcast_arrays(*arrays)
    dtype = np.result_type(*inputs, np.float16)
    if dtype.kind == "c":
        raise TypeError(f"{name}: x must be real, it is {dtype}")
    computed = np.float32 if dtype.itemsize <= 4 else np.float64
    result = kernel(*(np.asarray(array, computed, order="C") for array in inputs))
    return result.astype(dtype, copy=False)


def _gelu_curvature(x):
    t = np.clip(x, -60, 60)  # beyond, e^-t² is 0, and the square might overflow
    return (2 - t * t) * np.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)


_gelu.defvjp(lambda g, y, x: gelu_gradient(g, x))
gelu_gradient.defvjp(
    lambda h, dx, g, x: gelu_gradient(h, x),
    lambda h, dx, g, x: h * g * _gelu_curvature(x),
)


# Softmax and its kin work along an axis. All subtract the maximum first: the result is the same
# and no exponential overflows.


@primitive
@checked()
def softmax(x, axis=-1):
    """y = eˣ / Σ eˣ along an axis: positive numbers that sum to 1.

    From dy_i/dx_j = y_i ([i = j] - y_j), the VJP is y · (g - Σ g y).

    >>> softmax(np.array([0.0, np.log(3.0)]))
    array([0.25, 0.75])
    """
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


softmax.defvjp(lambda g, y, x, axis=-1: y * (g - np.sum(g * y, axis=axis, keepdims=True)))


@primitive
@checked()
def log_softmax(x, axis=-1):
    """y = x - log Σ eˣ along an axis.

    From dy_i/dx_j = [i = j] - softmax(x)_j, the VJP is g - eʸ · Σ g.

    >>> np.exp(log_softmax(np.array([0.0, np.log(3.0)])))
    array([0.25, 0.75])
    """
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


log_softmax.defvjp(lambda g, y, x, axis=-1: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True))


@primitive
@checked()
def logsumexp(x, axis=None, keepdims=False):
    """y = log Σ eˣ along axes (all by default), a smooth maximum.

    The derivative with respect to x_j is e^x_j / Σ eˣ = e^(x_j - y), as for np.logaddexp.reduce.

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(4))
    1000.6931
    """
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is -∞, and meant
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)[()]


logsumexp.defvjp(
    lambda g, y, x, axis=None, keepdims=False: _reduce_logaddexp_vjp(
        g, y, x, ufunc=np.logaddexp, axis=axis, keepdims=keepdims
    )
)

for _operation in (
    *(relu, where_positive, leaky_relu, elu, sigmoid, softplus, softsign, hard_sigmoid, _gelu),
    gelu_gradient,
):
    _operation.elementwise = True

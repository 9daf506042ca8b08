"""Initialisers: Keras's, under its names and with its formulas, as functions of a generator.

Each is called as `initialiser(rng, shape, dtype=np.float32)` and gives a new array, so that a
model's initialiser can be a parameter. What else one takes is given by keyword. `rng` is all that
the result depends on: the same generator in the same state gives the same bits. Values are drawn in
float64 and rounded to `dtype`, so another dtype gets the same numbers.

Each raises TypeError where `rng` is no `numpy.random.Generator`, `dtype` no float dtype, `shape`
no int or tuple of ints or another argument no number, and ValueError where one is out of its range.

>>> import numpy as np
>>> from tinygrad_np import init
>>> rng = np.random.default_rng(0)
>>> params = {"kernel": init.glorot_uniform(rng, (784, 10)), "bias": init.zeros(rng, 10)}
>>> params["kernel"].shape, params["bias"].dtype
((784, 10), dtype('float32'))
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import NUMBER, checked

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = [
    "compute_fans",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

Shape = int | tuple[int, ...]


@checked()
def zeros(rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An array of zeros, as keras.initializers.Zeros.

    >>> zeros(np.random.default_rng(0), 3)
    array([0., 0., 0.], dtype=float32)
    """
    return np.zeros(_lengths("zeros", shape), dtype)


@checked()
def ones(rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An array of ones, as keras.initializers.Ones.

    >>> ones(np.random.default_rng(0), 3)
    array([1., 1., 1.], dtype=float32)
    """
    return np.ones(_lengths("ones", shape), dtype)


@checked()
def constant(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32, *, value: float = 0.0
) -> np.ndarray:
    """An array of `value`, as keras.initializers.Constant.

    >>> constant(np.random.default_rng(0), 2, value=0.5)
    array([0.5, 0.5], dtype=float32)
    """
    return np.full(_lengths("constant", shape), value, dtype)


@checked()
def identity(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32, *, gain: float = 1.0
) -> np.ndarray:
    """`gain` on the main diagonal of a matrix and zeros elsewhere, as keras.initializers.Identity.

    Raises ValueError where `shape` is not that of a matrix.

    >>> identity(np.random.default_rng(0), (2, 3), gain=2.0)
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """
    shape = _lengths("identity", shape)
    if len(shape) != 2:
        raise ValueError(f"identity: shape must have two dimensions, got {shape}")
    return (gain * np.eye(*shape)).astype(dtype)


@checked()
def random_uniform(
    rng: np.random.Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    *,
    minval: float = -0.05,
    maxval: float = 0.05,
) -> np.ndarray:
    """Uniformly distributed between `minval` and `maxval`, as keras.initializers.RandomUniform.

    >>> random_uniform(np.random.default_rng(0), 3, minval=0.0, maxval=1.0)
    array([0.6369617 , 0.26978672, 0.04097353], dtype=float32)
    """
    shape = _lengths("random_uniform", shape)
    return np.asarray(rng.uniform(minval, maxval, shape), dtype)


@checked(mean=NUMBER)
def random_normal(
    rng: np.random.Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    *,
    mean: float = 0.0,
    stddev: float = 0.05,
) -> np.ndarray:
    """Normally distributed, as keras.initializers.RandomNormal.

    >>> random_normal(np.random.default_rng(0), 3)
    array([ 0.00628651, -0.00660524,  0.03202113], dtype=float32)
    """
    shape = _lengths("random_normal", shape)
    return np.asarray(mean + stddev * rng.standard_normal(shape), dtype)


@checked(mean=NUMBER)
def truncated_normal(
    rng: np.random.Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    *,
    mean: float = 0.0,
    stddev: float = 0.05,
) -> np.ndarray:
    """Normally distributed, what lies beyond two standard deviations drawn again.

    `stddev` is that of the distribution before it is cut; afterwards it is 0.88 times as large.
    Behaves like keras.initializers.TruncatedNormal.

    >>> bool(np.all(abs(truncated_normal(np.random.default_rng(0), 1000)) <= 0.1))
    True
    """
    shape = _lengths("truncated_normal", shape)
    return np.asarray(mean + stddev * _standard_truncated_normal(rng, shape), dtype)


@checked()
def variance_scaling(
    rng: np.random.Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    *,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
) -> np.ndarray:
    """Mean 0 and variance `scale` / n, so that signals keep their size on the way through a layer.

    Args:
        rng, shape, dtype: see the module.
        scale: the variance of the sum of n weights, positive.
        mode: what n is: "fan_in", "fan_out" or, their mean, "fan_avg"; see `compute_fans`.
        distribution: "truncated_normal", "untruncated_normal", or "uniform", which is then between
            -√(3 scale / n) and √(3 scale / n).

    Raises ValueError for a `scale`, `mode` or `distribution` that is none of these.

    He et al., Delving deep into rectifiers (2015), arxiv.org/abs/1502.01852, section 2.2.
    Behaves like keras.initializers.VarianceScaling. The initialisers below are special cases.

    >>> rng = np.random.default_rng(0)
    >>> round(float(variance_scaling(rng, (400, 100), scale=4.0).std()), 3)
    0.1
    """
    return _scaled("variance_scaling", rng, shape, dtype, scale, mode, distribution)


@checked()
def glorot_uniform(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Uniform between -√(6 / (fan_in + fan_out)) and √(6 / (fan_in + fan_out)).

    Keras's default for dense and convolution kernels, its keras.initializers.GlorotUniform.
    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks
    (2010), proceedings.mlr.press/v9/glorot10a.html.

    >>> bool(np.all(abs(glorot_uniform(np.random.default_rng(0), (3, 3, 4, 2))) <= 1 / 3))
    True
    """
    return _scaled("glorot_uniform", rng, shape, dtype, 1.0, "fan_avg", "uniform")


@checked()
def glorot_normal(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Truncated normal with standard deviation √(2 / (fan_in + fan_out)).

    As keras.initializers.GlorotNormal; source as for `glorot_uniform`.

    >>> round(float(glorot_normal(np.random.default_rng(0), (150, 50)).std()), 2)
    0.1
    """
    return _scaled("glorot_normal", rng, shape, dtype, 1.0, "fan_avg", "truncated_normal")


@checked()
def he_uniform(rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Uniform between -√(6 / fan_in) and √(6 / fan_in), for layers followed by a ReLU.

    As keras.initializers.HeUniform; source as for `variance_scaling`.

    >>> bool(np.all(abs(he_uniform(np.random.default_rng(0), (6, 100))) <= 1))
    True
    """
    return _scaled("he_uniform", rng, shape, dtype, 2.0, "fan_in", "uniform")


@checked()
def he_normal(rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Truncated normal with standard deviation √(2 / fan_in), for layers followed by a ReLU.

    As keras.initializers.HeNormal; source as for `variance_scaling`.

    >>> round(float(he_normal(np.random.default_rng(0), (200, 50)).std()), 2)
    0.1
    """
    return _scaled("he_normal", rng, shape, dtype, 2.0, "fan_in", "truncated_normal")


@checked()
def lecun_uniform(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Uniform between -√(3 / fan_in) and √(3 / fan_in).

    As keras.initializers.LecunUniform. LeCun et al., Efficient backprop (1998), section 4.6.

    >>> bool(np.all(abs(lecun_uniform(np.random.default_rng(0), (3, 100))) <= 1))
    True
    """
    return _scaled("lecun_uniform", rng, shape, dtype, 1.0, "fan_in", "uniform")


@checked()
def lecun_normal(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Truncated normal with standard deviation √(1 / fan_in), for layers followed by a SELU.

    As keras.initializers.LecunNormal; source as for `lecun_uniform`; for SELU: Klambauer et al.,
    Self-normalizing neural networks (2017), arxiv.org/abs/1706.02515.

    >>> round(float(lecun_normal(np.random.default_rng(0), (100, 100)).std()), 2)
    0.1
    """
    return _scaled("lecun_normal", rng, shape, dtype, 1.0, "fan_in", "truncated_normal")


@checked()
def orthogonal(
    rng: np.random.Generator, shape: Shape, dtype: DTypeLike = np.float32, *, gain: float = 1.0
) -> np.ndarray:
    """`gain` times a random orthogonal matrix, reshaped.

    The matrix has `shape[-1]` columns and as many rows as the other dimensions make; the shorter of
    rows and columns are orthonormal. It is the Q of a normally distributed matrix's QR
    factorisation, with signs that make R's diagonal positive: else it would not be uniformly
    distributed.

    Raises ValueError where `shape` has fewer than two dimensions.

    Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks (2014), arxiv.org/abs/1312.6120; signs: Mezzadri, How to generate random
    matrices from the classical compact groups (2007), arxiv.org/abs/math-ph/0609050.
    Behaves like keras.initializers.Orthogonal.

    >>> q = orthogonal(np.random.default_rng(0), (4, 3), np.float64)
    >>> np.allclose(q.T @ q, np.eye(3))
    True
    """
    shape = _lengths("orthogonal", shape)
    if len(shape) < 2:
        raise ValueError(f"orthogonal: shape must have two dimensions or more, got {shape}")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


@checked()
def compute_fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs feed one output of a kernel of this shape, and outputs one input.

    Kernels are (in, out) or, for convolutions in any number of dimensions, (…, in, out), where both
    numbers count once for each position of the window. Behaves like Keras's function of that name.

    >>> compute_fans((784, 10)), compute_fans((3, 3, 32, 64))
    ((784, 10), (288, 576))
    """
    shape = _lengths("compute_fans", shape)
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _scaled(
    initialiser: str,
    rng: np.random.Generator,
    shape: Shape,
    dtype: DTypeLike,
    scale: float,
    mode: str,
    distribution: str,
) -> np.ndarray:
    shape = _lengths(initialiser, shape)
    fan_in, fan_out = compute_fans(shape)
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    stddev = math.sqrt(scale / max(1, n))
    if distribution == "uniform":
        limit = math.sqrt(3) * stddev
        return np.asarray(rng.uniform(-limit, limit, shape), dtype)
    if distribution == "untruncated_normal":
        return np.asarray(stddev * rng.standard_normal(shape), dtype)
    # Cut at ±2, the standard normal distribution has this standard deviation.
    stddev /= 0.87962566103423978
    return np.asarray(stddev * _standard_truncated_normal(rng, shape), dtype)


def _standard_truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    z = np.asarray(rng.standard_normal(shape))
    while np.any(outside := abs(z) > 2):
        z[outside] = rng.standard_normal(np.count_nonzero(outside))
    return z


def _lengths(initialiser: str, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple; raise unless it is one."""
    several = isinstance(shape, (tuple, list, np.ndarray)) and np.ndim(shape) > 0
    try:
        lengths = tuple(map(operator.index, shape if several else (shape,)))
    except TypeError:
        raise TypeError(
            f"{initialiser}: shape must be an int or a tuple of ints, got {shape!r}"
        ) from None
    if any(length < 0 for length in lengths):
        raise ValueError(f"{initialiser}: shape must not be negative, got {shape!r}")
    return lengths

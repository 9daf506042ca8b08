"""Elementwise operations: NumPy's universal functions.

For y = f(x), elementwise, the Jacobian is diagonal, and so the VJP is g · f'(x): one line an
operation. Where f' is shortest in terms of the output (as for exp), the rule uses the output.
Operands broadcast; the walk over the tape sums a cotangent over the axes that broadcasting added.

For complex z, g · f'(z) is right without a conjugate: the convention is JAX's, in which the
gradient of a real L is dL/dRe(z) - i dL/dIm(z).
"""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import discrete, implements, plain, primitive

# Arithmetic

primitive(np.add).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: g,
)
primitive(np.subtract).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: -g,
)
primitive(np.multiply).defvjp(
    lambda g, z, x, y: g * y,
    lambda g, z, x, y: g * x,
)
primitive(np.divide).defvjp(
    lambda g, z, x, y: g / y,
    lambda g, z, x, y: -g * z / y,
)


def _power_vjp_base(g, z, x, y):
    """g · y · xʸ⁻¹, which is 0 where y = 0, also at x = 0."""
    if isinstance(y, (int, float)) and y != 0:
        return g * (y * x ** (y - 1))
    return g * (y * np.where(np.equal(x, 0) & np.equal(y, 0), 1, x) ** np.subtract(y, 1))


def _power_vjp_exponent(g, z, x, y):
    """g · xʸ · log x, with the limit 0 where x = 0."""
    return g * z * np.log(np.where(np.equal(x, 0), 1, x))


for _power in (np.power, np.float_power):
    primitive(_power).defvjp(_power_vjp_base, _power_vjp_exponent)
# x mod y = x - y · k for the quotient k, rounded down, or to 0 by fmod
primitive(np.remainder).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: -g * np.floor_divide(x, y),
)
primitive(np.fmod).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: -g * np.trunc(x / y),
)
primitive(np.negative).defvjp(lambda g, y, x: -g)
primitive(np.reciprocal).defvjp(lambda g, y, x: -g * y * y)
primitive(np.square).defvjp(lambda g, y, x: g * (2 * x))
primitive(np.hypot).defvjp(
    lambda g, z, x, y: g * x / np.where(z == 0, 1, z),
    lambda g, z, x, y: g * y / np.where(z == 0, 1, z),
)


@implements(np.positive)
def _positive(x):
    return x


@implements(np.divmod)
def _divmod(x, y):
    return np.floor_divide(x, y), np.remainder(x, y)


# Exponentials and logarithms

primitive(np.exp).defvjp(lambda g, y, x: g * y)
primitive(np.exp2).defvjp(lambda g, y, x: g * y * math.log(2))
primitive(np.expm1).defvjp(lambda g, y, x: g * (y + 1))
primitive(np.log).defvjp(lambda g, y, x: g / x)
primitive(np.log2).defvjp(lambda g, y, x: g / (x * math.log(2)))
primitive(np.log10).defvjp(lambda g, y, x: g / (x * math.log(10)))
primitive(np.log1p).defvjp(lambda g, y, x: g / (x + 1))
primitive(np.sqrt).defvjp(lambda g, y, x: g / (2 * y))
primitive(np.cbrt).defvjp(lambda g, y, x: g / (3 * y * y))
# d/dx log(eˣ + eʸ) = eˣ / (eˣ + eʸ), a ratio that can't overflow
primitive(np.logaddexp).defvjp(
    lambda g, z, x, y: g * np.exp(x - z),
    lambda g, z, x, y: g * np.exp(y - z),
)
primitive(np.logaddexp2).defvjp(
    lambda g, z, x, y: g * np.exp2(x - z),
    lambda g, z, x, y: g * np.exp2(y - z),
)

# Trigonometric and hyperbolic functions

primitive(np.sin).defvjp(lambda g, y, x: g * np.cos(x))
primitive(np.cos).defvjp(lambda g, y, x: -g * np.sin(x))
primitive(np.tan).defvjp(lambda g, y, x: g * (1 + y * y))


def _root_of_one_less_square(x):
    """√(1 - x²), in two factors: on the branch cuts of complex x, beyond ±1, the sign of the zero
    in the imaginary part says on which side of the cut x lies. It would be lost in 1 - x.
    """
    return np.sqrt(-(x - 1) if x.dtype.kind == "c" else 1 - x) * np.sqrt(x + 1)


primitive(np.arcsin).defvjp(lambda g, y, x: g / _root_of_one_less_square(x))
primitive(np.arccos).defvjp(lambda g, y, x: -g / _root_of_one_less_square(x))
primitive(np.arctan).defvjp(lambda g, y, x: g / (1 + x * x))
primitive(np.arctan2).defvjp(
    lambda g, z, x, y: g * y / (np.square(x) + np.square(y)),
    lambda g, z, x, y: -g * x / (np.square(x) + np.square(y)),
)
primitive(np.sinh).defvjp(lambda g, y, x: g * np.cosh(x))
primitive(np.cosh).defvjp(lambda g, y, x: g * np.sinh(x))
primitive(np.tanh).defvjp(lambda g, y, x: g * (1 - y * y))
primitive(np.arcsinh).defvjp(lambda g, y, x: g / np.sqrt(x * x + 1))
# One root of x² - 1 would have the wrong sign for complex x in the left half plane.
primitive(np.arccosh).defvjp(lambda g, y, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
primitive(np.arctanh).defvjp(lambda g, y, x: g / (1 - x * x))
for _degrees in (np.deg2rad, np.radians):
    primitive(_degrees).defvjp(lambda g, y, x: g * (math.pi / 180))
for _radians in (np.rad2deg, np.degrees):
    primitive(_radians).defvjp(lambda g, y, x: g * (180 / math.pi))

# Choices. The derivative of a maximum is shared evenly by those that attain it, as in JAX.


def _choice_vjp(g, z, x, y):
    """g where x alone attains z, half of it where both operands do."""
    return np.where(np.equal(x, y), g / 2, np.where(np.equal(x, z), g, 0))


for _choice in (np.maximum, np.minimum, np.fmax, np.fmin):
    primitive(_choice).defvjp(
        lambda g, z, x, y: _choice_vjp(g, z, x, y),
        lambda g, z, x, y: _choice_vjp(g, z, y, x),
    )
primitive(np.absolute).defvjp(
    # sign(x) for real x; conj(z)/|z| for complex z, which is 0 at 0 like sign
    lambda g, y, x: g * (np.conj(x) / np.where(y == 0, 1, y) if x.dtype.kind == "c" else np.sign(x))
)
primitive(np.fabs).defvjp(lambda g, y, x: g * np.sign(x))
primitive(np.where).defvjp(
    lambda g, z, condition, x, y: None,
    lambda g, z, condition, x, y: np.where(condition, g, 0),
    lambda g, z, condition, x, y: np.where(condition, 0, g),
)
primitive(np.copysign).defvjp(
    lambda g, z, x, y: g * np.copysign(1, x) * np.copysign(1, y),
    lambda g, z, x, y: None,
)


@primitive
def clip(x, low, high):
    """y = x, held between two bounds, of which either may be None.

    The VJP is g for what attains y: for x inside the bounds and on them, for a bound outside of it.
    """
    return np.clip(x, low, high)


clip.defvjp(
    lambda g, y, x, low, high: np.where(np.equal(x, y), g, 0),
    lambda g, y, x, low, high: np.where(np.less(x, low), g, 0),
    lambda g, y, x, low, high: np.where(np.greater(x, high), g, 0),
)


@implements(np.clip)
def _clip(a, a_min=None, a_max=None, *, min=None, max=None):
    return clip(a, a_min if min is None else min, a_max if max is None else max)


@implements(np.nan_to_num)
def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    return np.where(np.isfinite(x), x, np.nan_to_num(plain(x), True, nan, posinf, neginf))


# Complex numbers

primitive(np.real).defvjp(lambda g, y, z: g)
primitive(np.imag).defvjp(lambda g, y, z: g * -1j)
primitive(np.conjugate).defvjp(lambda g, y, z: np.conjugate(g))


@implements(np.angle)
def _angle(z, deg=False):
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


# A change of precision


@primitive
def astype(x, dtype):
    """y = x in another dtype. The VJP is g in the dtype of x, which the walk sees to."""
    return x.astype(dtype)


astype.defvjp(lambda g, y, x, dtype: g)


@implements(np.astype)
def _astype(x, dtype, *, copy=True):
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return x.data.astype(dtype)
    return x if dtype == x.dtype else astype(x, dtype)


# These are constant between jumps, or not numbers at all: tensors give plain arrays.

_DISCRETE = (
    "less less_equal greater greater_equal equal not_equal isnan isinf isfinite isclose allclose "
    "array_equal array_equiv isposinf isneginf iscomplex isreal iscomplexobj isrealobj logical_and "
    "logical_or logical_not logical_xor signbit sign heaviside floor ceil rint trunc fix round "
    "around floor_divide spacing argmax argmin argsort argpartition argwhere nonzero "
    "flatnonzero count_nonzero nanargmax nanargmin any all shape ndim size zeros_like ones_like "
    "empty_like result_type can_cast common_type min_scalar_type searchsorted digitize "
    "lexsort tril_indices_from triu_indices_from diag_indices_from "
    "broadcast_shapes may_share_memory shares_memory array2string array_repr array_str"
)
for _name in _DISCRETE.split():
    discrete(getattr(np, _name))

"""Elementwise operations: NumPy's universal functions.

For y = f(x), elementwise, the Jacobian is diagonal, and so the VJP is g · f'(x): one line an
operation. Where f' is shortest in terms of the output (as for exp), the rule uses the output.
Operands broadcast; the walk over the tape sums a cotangent over the axes that broadcasting added.

For complex z, g · f'(z) is right without a conjugate: the convention is JAX's, in which the gradient
of a real L is dL/dRe(z) - i dL/dIm(z).
"""

from __future__ import annotations

import numpy as np

from ..core.primitive import discrete, implements, primitive

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
    if np.ndim(y) == 0:
        return g * y if y == 1 else g * (y * x ** (y - 1)) if y != 0 else np.zeros_like(g)
    return g * np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))


def _power_vjp_exponent(g, z, x, y):
    """g · xʸ · log x, with the limit 0 where x = 0."""
    return g * z * np.log(np.where(x == 0, 1, x))


primitive(np.power).defvjp(_power_vjp_base, _power_vjp_exponent)


def _remainder_vjp_divisor(g, z, x, y):
    """x mod y = x - y · floor(x / y)."""
    return -g * np.floor(x / y)


primitive(np.remainder).defvjp(lambda g, z, x, y: g, _remainder_vjp_divisor)
primitive(np.negative).defvjp(lambda g, y, x: -g)
primitive(np.reciprocal).defvjp(lambda g, y, x: -g * y * y)
primitive(np.square).defvjp(lambda g, y, x: g * (2 * x))
primitive(np.hypot).defvjp(
    lambda g, z, x, y: g * x / np.where(z == 0, 1, z),
    lambda g, z, x, y: g * y / np.where(z == 0, 1, z),
)


@implements(np.positive)
def positive(x):
    """y = x."""
    return x


# Exponentials and logarithms

primitive(np.exp).defvjp(lambda g, y, x: g * y)
primitive(np.exp2).defvjp(lambda g, y, x: g * y * float(np.log(2)))
primitive(np.expm1).defvjp(lambda g, y, x: g * (y + 1))
primitive(np.log).defvjp(lambda g, y, x: g / x)
primitive(np.log2).defvjp(lambda g, y, x: g / (x * float(np.log(2))))
primitive(np.log10).defvjp(lambda g, y, x: g / (x * float(np.log(10))))
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
primitive(np.arcsin).defvjp(lambda g, y, x: g / np.sqrt(1 - x * x))
primitive(np.arccos).defvjp(lambda g, y, x: -g / np.sqrt(1 - x * x))
primitive(np.arctan).defvjp(lambda g, y, x: g / (1 + x * x))
primitive(np.arctan2).defvjp(
    lambda g, z, x, y: g * y / (x * x + y * y),
    lambda g, z, x, y: -g * x / (x * x + y * y),
)
primitive(np.sinh).defvjp(lambda g, y, x: g * np.cosh(x))
primitive(np.cosh).defvjp(lambda g, y, x: g * np.sinh(x))
primitive(np.tanh).defvjp(lambda g, y, x: g * (1 - y * y))
primitive(np.arcsinh).defvjp(lambda g, y, x: g / np.sqrt(x * x + 1))
primitive(np.arccosh).defvjp(lambda g, y, x: g / np.sqrt(x * x - 1))
primitive(np.arctanh).defvjp(lambda g, y, x: g / (1 - x * x))
for _degrees in (np.deg2rad, np.radians):
    primitive(_degrees).defvjp(lambda g, y, x: g * float(np.pi / 180))
for _radians in (np.rad2deg, np.degrees):
    primitive(_radians).defvjp(lambda g, y, x: g * float(180 / np.pi))

# Choices. The derivative of a maximum is shared evenly by those that attain it, as in JAX.


def _share(z, x, y):
    """1 where x alone attains z, 1/2 where both operands do, 0 elsewhere; NaN attains nothing."""
    attains = np.equal(x, z)
    return attains.astype(z.dtype) / np.where(attains & np.equal(y, z), 2, 1).astype(z.dtype)


for _choice in (np.maximum, np.minimum, np.fmax, np.fmin):
    primitive(_choice).defvjp(
        lambda g, z, x, y: g * _share(z, x, y),
        lambda g, z, x, y: g * _share(z, y, x),
    )
primitive(np.absolute).defvjp(
    # sign(x) for real x; conj(z)/|z| for complex z, which is 0 at 0 like sign
    lambda g, y, x: g * (np.conj(x) / np.where(y == 0, 1, y) if x.dtype.kind == "c" else np.sign(x))
)
primitive(np.fabs).defvjp(lambda g, y, x: g * np.sign(x))
primitive(np.where).defvjp(
    None,
    lambda g, z, condition, x, y: np.where(condition, g, 0),
    lambda g, z, condition, x, y: np.where(condition, 0, g),
)
primitive(np.copysign).defvjp(
    lambda g, z, x, y: g * np.copysign(1, x) * np.copysign(1, y),
    lambda g, z, x, y: None,
)
primitive(np.nan_to_num).defvjp(lambda g, y, x, **_: np.where(np.isfinite(x), g, 0))


def _clip_vjp(g, y, x, low=None, high=None, **bounds):
    """g inside the bounds and on them, 0 outside."""
    low, high = bounds.get("min", low), bounds.get("max", high)
    inside = np.ones_like(g, dtype=bool)
    if low is not None:
        inside = inside & np.greater_equal(x, low)
    if high is not None:
        inside = inside & np.less_equal(x, high)
    return np.where(inside, g, 0)


primitive(np.clip).defvjp(
    _clip_vjp,
    lambda g, y, x, low, high=None: np.where(np.less(x, low), g, 0),
    lambda g, y, x, low, high: np.where(np.greater(x, high), g, 0),
)

# Complex numbers

primitive(np.real).defvjp(lambda g, y, z: g)
primitive(np.imag).defvjp(lambda g, y, z: g * -1j)
primitive(np.conjugate).defvjp(lambda g, y, z: np.conjugate(g))


# A change of precision


@primitive
def astype(x, dtype, *, copy=True):
    """y = x in another dtype. The VJP is g in the dtype of x, which the walk sees to."""
    return x.astype(dtype, copy=copy)


astype.defvjp(lambda g, y, x, dtype, copy=True: g)


@implements(np.astype)
def _astype(x, dtype, *, copy=True, casting=None, order=None):
    kept = np.dtype(dtype).kind in "fc"
    return astype(x, dtype, copy=copy) if kept else x.data.astype(dtype)


# These are constant between jumps, or not numbers at all: tensors give plain arrays.

for _name in (
    "less less_equal greater greater_equal equal not_equal isnan isinf isfinite isclose allclose "
    "array_equal array_equiv isposinf isneginf iscomplex isreal iscomplexobj isrealobj logical_and "
    "logical_or logical_not logical_xor signbit sign heaviside floor ceil rint trunc fix round "
    "floor_divide spacing nextafter argmax argmin argsort argpartition argwhere nonzero "
    "flatnonzero count_nonzero nanargmax nanargmin any all shape ndim size zeros_like ones_like "
    "empty_like full_like result_type can_cast common_type min_scalar_type searchsorted digitize "
    "histogram bincount lexsort tril_indices_from triu_indices_from diag_indices_from "
    "broadcast_shapes may_share_memory shares_memory array2string array_repr array_str"
).split():
    discrete(getattr(np, _name))

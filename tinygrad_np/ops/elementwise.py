"""Elementwise operations: NumPy's universal functions.

For y = f(x), elementwise, the Jacobian is diagonal, and so the VJP is g · f'(x): one line an
operation. Where f' is shortest in terms of the output (as for exp), the rule uses the output.
Operands broadcast; the walk over the tape sums a cotangent over the axes that broadcasting added.
Keywords (`where=`, `dtype=`) and methods (`np.add.reduce`) are in ufunc_methods.py.

Where f is infinitely steep (the square root at 0), the gradient is infinite, with NumPy's warning.
What a rule gives at a kink, a jump or an infinity stands beside it.

For complex z, g · f'(z) is right without a conjugate: the convention is JAX's, in which the
gradient of a real L is dL/dRe(z) - i dL/dIm(z).
"""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import discrete, implements, plain, primitive
from .kinks import at_kinks, jumps, may_vary, over

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
# x mod y = x - y · k for the quotient k, rounded down
primitive(np.remainder).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: -g * np.floor_divide(x, y),
)
# x - y · k, with the quotient k rounded to 0
primitive(np.fmod).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: -g * np.rint((x - z) / y),
)
primitive(np.negative).defvjp(lambda g, y, x: -g)
primitive(np.reciprocal).defvjp(lambda g, y, x: -g * y * y)
primitive(np.square).defvjp(lambda g, y, x: g * (2 * x))


def _hypot_vjp(g, z, x, y):
    """g x / √(x² + y²): a kink at (0, 0), where the gradient is taken as 0."""
    warning = "np.hypot has no second derivative at (0, 0)"
    return at_kinks(g * over(x, z), g, z, x, y, bend=np.multiply, warning=warning)


primitive(np.hypot).defvjp(
    _hypot_vjp,
    lambda g, z, x, y: _hypot_vjp(g, z, y, x),
)


@implements(np.positive)
def _positive(x):
    """y = x."""
    return x


@implements(np.divmod)
def _divmod(x, y):
    return np.floor_divide(x, y), np.remainder(x, y)


# Numbers in parts

# x = fraction + whole, of which only the fraction varies smoothly, at the rate 1
_modf = primitive(np.modf)
_modf.defvjp(lambda g, parts, x: g[0])
# x = mantissa · 2^exponent, of which only the mantissa varies smoothly, at the rate 2^-exponent
primitive(np.frexp).defvjp(lambda g, parts, x: np.ldexp(g[0], np.negative(parts[1])))
primitive(np.ldexp).defvjp(
    lambda g, y, x, exponent: np.ldexp(g, exponent),
    lambda g, y, x, exponent: 0,
)
# One unit in the last place from x towards y: the step is constant, but where it doubles.
primitive(np.nextafter).defvjp(
    lambda g, z, x, y: g,
    lambda g, z, x, y: 0,
)


@implements(np.modf)
def _fraction_and_whole(x):
    fraction, whole = _modf(x)
    return fraction, plain(whole)


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


def _logaddexp_vjp(power):
    def vjp(g, z, x, y):
        """g · eˣ⁻ᶻ, the part of x in eᶻ = eˣ + eʸ, which can't overflow.

        Where z is infinite, that is 1 for the operand that attains it, and ½ where both do.
        """
        infinite = np.isinf(z)
        part = power(np.where(infinite, 0, x) - np.where(infinite, 0, z))
        return g * np.where(infinite, np.equal(x, z) / (1 + np.equal(x, y)), part)

    return vjp


for _logaddexp, _exponential in ((np.logaddexp, np.exp), (np.logaddexp2, np.exp2)):
    _share = _logaddexp_vjp(_exponential)
    primitive(_logaddexp).defvjp(
        _share,
        lambda g, z, x, y, share=_share: share(g, z, y, x),
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


def _arctan2_vjp(g, z, x, y):
    """g y / (x² + y²), the squares of which can't overflow; 0 at (0, 0), where all angles meet."""
    r = np.hypot(x, y)
    zero = np.equal(plain(r), 0)
    gradient = g * over(y, r) / np.where(zero, 1, r)
    return jumps(
        *(gradient, z, x, y),
        where=lambda: zero & may_vary(g),
        warning="np.arctan2 has no derivative at (0, 0)",
    )


primitive(np.arctan2).defvjp(
    _arctan2_vjp,
    lambda g, z, x, y: -_arctan2_vjp(g, z, y, x),
)
primitive(np.sinh).defvjp(lambda g, y, x: g * np.cosh(x))
primitive(np.cosh).defvjp(lambda g, y, x: g * np.sinh(x))
primitive(np.tanh).defvjp(lambda g, y, x: g * (1 - y * y))
primitive(np.arcsinh).defvjp(
    # a real x can't overflow in hypot
    lambda g, y, x: g / (np.sqrt(x * x + 1) if x.dtype.kind == "c" else np.hypot(x, 1))
)
# One root of x² - 1 would have the wrong sign for complex x in the left half plane.
primitive(np.arccosh).defvjp(lambda g, y, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
primitive(np.arctanh).defvjp(lambda g, y, x: g / ((1 - x) * (1 + x)))
for _degrees in (np.deg2rad, np.radians):
    primitive(_degrees).defvjp(lambda g, y, x: g * (math.pi / 180))
for _radians in (np.rad2deg, np.degrees):
    primitive(_radians).defvjp(lambda g, y, x: g * (180 / math.pi))

# Choices. The derivative of a maximum is shared evenly by those that attain it, as in JAX.


def _choice_vjp(g, z, x, y):
    """g where x alone attains z, half of it where both operands do."""
    return np.where(np.equal(x, y), g / 2, np.where(np.equal(x, z), g, 0))


def _attained(i, use, z, *operands):
    """Which elements of an operand have a part in z: those that attain it; all in a NaN."""
    return use & (np.equal(operands[i], z) | np.isnan(z))


for _choice in (np.maximum, np.minimum, np.fmax, np.fmin):
    _operation = primitive(_choice)
    _operation.defvjp(
        lambda g, z, x, y: _choice_vjp(g, z, x, y),
        lambda g, z, x, y: _choice_vjp(g, z, y, x),
    )
    _operation.uses, _operation.chooses = _attained, True


def _absolute_vjp(g, y, x):
    """g sign(x) for real x; g conj(z) / |z| for complex z, which is 0 at 0 like sign."""
    warning = "np.abs and np.fabs have no second derivative at 0"
    if x.dtype.kind != "c":
        return at_kinks(g * np.sign(x), g, y, x, bend=np.multiply, corner=True, warning=warning)
    gradient = g * over(np.conj(x), y)
    return at_kinks(gradient, g, y, x, bend=lambda c, v: c * np.conj(v), warning=warning)


primitive(np.absolute).defvjp(_absolute_vjp)
primitive(np.fabs).defvjp(_absolute_vjp)
# What is not chosen gets a cotangent of 0, and the elementwise operations that it was made by pass
# on 0: `np.where(x > 0, np.sqrt(x), 0)` has the derivative 0 for x < 0, whatever that of the square
# root is there. The walk over the tape sees to it, through all that moves or adds up elements.
_where = primitive(np.where)
_where.elementwise = _where.chooses = True
_where.uses = _where.vjp
_where.defvjp(
    lambda g, z, condition, x, y: 0,
    lambda g, z, condition, x, y: np.where(condition, g, 0),
    lambda g, z, condition, x, y: np.where(condition, 0, g),
)
# |x| with the sign of y, which jumps where y changes its sign
primitive(np.copysign).defvjp(
    lambda g, z, x, y: g * np.copysign(1, x) * np.copysign(1, y),
    lambda g, z, x, y: 0,
)


@implements(np.heaviside)
def _heaviside(x1, x2):
    # A step of x1; the value x2 that stands at the step can vary.
    return np.where(np.equal(x1, 0), x2, np.heaviside(plain(x1), plain(x2)))


@primitive
def clip(x, low, high):
    """y = min(max(x, low), high), where either bound may be None.

    The VJP is g for what attains y: for x inside the bounds and on them, for a bound outside of it.
    """
    return np.clip(x, low, high)


def _clip_vjp_low(g, y, x, low, high):
    held = np.less(x, low)
    return np.where(held if high is None else held & np.less_equal(low, high), g, 0)


def _clip_vjp_high(g, y, x, low, high):
    held = np.greater(x, high)
    return np.where(held if low is None else held | np.greater(low, high), g, 0)


clip.elementwise = clip.chooses = True
clip.uses = _attained
clip.defvjp(
    lambda g, y, x, low, high: np.where(np.equal(x, y), g, 0),
    _clip_vjp_low,
    _clip_vjp_high,
)


@implements(np.clip)
def _clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None, **keywords):
    if out is not None:
        raise TypeError("np.clip: out= would lose the gradient of a Tensor; use the result instead")
    for name in keywords:
        raise NotImplementedError(f"np.clip: {name}= has no derivative rule")
    return clip(a, a_min if min is None else min, a_max if max is None else max)


@primitive
def nan_to_num(x, nan, posinf, neginf):
    """y = x, with numbers in place of NaN and infinities, in each part of a complex x.

    The VJP is g for what was kept, 0 for what was replaced.
    """
    return np.nan_to_num(x, True, nan, posinf, neginf)


def _nan_to_num_vjp(g, y, x, nan, posinf, neginf):
    if x.dtype.kind == "c":
        real = np.where(np.isfinite(np.real(x)), np.real(g), 0)
        return real + 1j * np.where(np.isfinite(np.imag(x)), np.imag(g), 0)
    return np.where(np.isfinite(x), g, 0)


nan_to_num.elementwise = nan_to_num.chooses = True
nan_to_num.uses = lambda i, use, *args: _nan_to_num_vjp(use * (1 + 1j), *args) != 0
nan_to_num.defvjp(_nan_to_num_vjp)


@implements(np.nan_to_num)
def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    return nan_to_num(x, nan, posinf, neginf)


# Complex numbers

_real, _imag = primitive(np.real), primitive(np.imag)
_real.defvjp(lambda g, y, z: g)
_imag.defvjp(lambda g, y, z: g * -1j)
_real.elementwise = _imag.elementwise = True
primitive(np.conjugate).defvjp(lambda g, y, z: np.conjugate(g))


def _sign_vjp(g, y, z):
    """y = z / |z| only turns, dy = i y Im(y* dz) / |z|: the VJP is i y* Im(g y) / |z|, 0 at 0."""
    size = np.abs(z)
    zero = np.equal(plain(size), 0)
    gradient = 1j * np.conjugate(y) * np.imag(g * y) / np.where(zero, 1, size)
    return jumps(
        *(gradient, y, z),
        where=lambda: zero & may_vary(g),
        warning="np.sign of complex numbers has no derivative at 0",
    )


_sign = primitive(np.sign)
_sign.defvjp(_sign_vjp)


@implements(np.sign)
def _sign_of(x):
    return _sign(x) if x.dtype.kind == "c" else np.sign(x._array)  # which is constant between jumps


@implements(np.real_if_close)
def _real_if_close(a, tol=100):
    return np.real(a) if np.isrealobj(np.real_if_close(a._array, tol)) else a


@implements(np.angle)
def _angle(z, deg=False):
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


# A change of precision


@primitive
def astype(x, dtype):
    """y = x in another dtype. The VJP is g in the dtype of x, which the walk sees to."""
    return x.astype(dtype)


astype.elementwise = True
astype.defvjp(lambda g, y, x, dtype: g)


@implements(np.astype)
def _astype(x, dtype, *, copy=True):
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return x._array.astype(dtype)
    return x if dtype == x.dtype else astype(x, dtype)


# These are constant between jumps, or not numbers at all: tensors give plain arrays.

DISCRETE = set(
    "less less_equal greater greater_equal equal not_equal isnan isinf isfinite isclose allclose "
    "array_equal array_equiv isposinf isneginf iscomplex isreal iscomplexobj isrealobj logical_and "
    "logical_or logical_not logical_xor signbit floor ceil rint trunc fix round "
    "around floor_divide spacing argmax argmin argsort argpartition argwhere nonzero "
    "flatnonzero count_nonzero nanargmax nanargmin any all shape ndim size zeros_like ones_like "
    "empty_like result_type can_cast common_type min_scalar_type searchsorted digitize "
    "lexsort tril_indices_from triu_indices_from diag_indices_from "
    "bitwise_and bitwise_or bitwise_xor invert left_shift right_shift bitwise_count gcd lcm isin "
    "broadcast_shapes may_share_memory shares_memory array2string array_repr array_str".split()
)
for _name in DISCRETE:
    discrete(getattr(np, _name))

"""The error function in one pass, with an exponential that the compiler turns into vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..activations import by_parts
from ..erf import COEFFICIENTS
from ..memory import empty
from .simd import inlined, jit

# e^-z = 2^k e^r with an integer k and |r| ≤ log(2) / 2, where few terms of the series are enough.
LOG2_E = 1 / math.log(2)
SERIES = {"f": 7, "d": 13}
# log(2) in two parts, of which the first has so few digits that its product with k is exact.
LOG_2 = {"f": (0.693359375, -2.12194440e-4), "d": (0.6931471803691238, 1.9082149292705877e-10)}


def erf(x: np.ndarray) -> np.ndarray:
    y = empty(x.shape, x.dtype)
    by_parts(_of_type[x.dtype.char], y.reshape(-1), x.reshape(-1))
    return y


@inlined
def _polynomial(coefficients, x):
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def _compiled(number: Any, whole: Any, bits: int, bias: int) -> Any:
    """The function of arrays of one type; 2^k is put together from its bits."""
    name = np.dtype(number).char
    s, p, q, end = COEFFICIENTS[name]
    s, p, q = (tuple(map(number, part)) for part in (s, p, q))
    series = tuple(number(1 / math.factorial(n)) for n in reversed(range(SERIES[name] + 1)))
    high, low, log2_e, end = map(number, (*LOG_2[name], LOG2_E, end))
    one, half = number(1), number(0.5)

    @jit
    def erf(y, x):
        for i in range(x.size):
            a = abs(x[i])
            a = end if a > end else a
            z = a * a
            k = np.floor(half - z * log2_e)
            power = whole(whole(np.int32(k) + bias) << bits).view(number)
            e = _polynomial(series, (-z - k * high) - k * low) * power
            far = one - e * _polynomial(p, a) / _polynomial(q, a)
            value = a + a * _polynomial(s, z) if a < one else far
            y[i] = x[i] if x[i] != x[i] else math.copysign(value, x[i])

    return erf


_of_type = {
    "f": _compiled(np.float32, np.int32, 23, 127),
    "d": _compiled(np.float64, np.int64, 52, 1023),
}

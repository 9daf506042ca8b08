"""`np.emath`: functions that turn real numbers outside of their domain into complex ones first."""

from __future__ import annotations

import numpy as np

from ..core.primitive import implements, plain
from ..core.tensor import Tensor


def _complex_if(outside, x):
    """x, as complex numbers if any of them is real and outside of the domain."""
    values = np.asarray(plain(x))
    if not np.any(np.isreal(values) & outside(values)):
        return x
    small = values.dtype.char in "fbhBHF"
    array = x if type(x) is Tensor else values
    return array.astype(np.complex64 if small else np.complex128)


def _below_0(x):
    return _complex_if(lambda values: values < 0, x)


def _widens(name, into_domain):
    function = getattr(np, name)

    @implements(getattr(np.emath, name))
    def rule(x):
        """Of complex numbers, if any of x is outside of the domain."""
        return function(into_domain(x))


for _name in ("log", "log10", "log2", "sqrt"):
    _widens(_name, _below_0)
for _name in ("arccos", "arcsin", "arctanh"):
    _widens(_name, lambda x: _complex_if(lambda values: abs(values) > 1, x))


@implements(np.emath.logn)
def _logn(n, x):
    """The quotient of the logarithms."""
    return np.log(_below_0(x)) / np.log(_below_0(n))


@implements(np.emath.power)
def _power(x, p):
    """Of complex numbers, if any of x is negative."""
    return np.power(_below_0(x), p)

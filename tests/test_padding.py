"""Padding, in every mode."""

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(3)

CASES = {
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2))), N(2, 3)),
    "pad with a constant": (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3) ** 2, N(2, 3)),
    "pad by choosing": (lambda x: [np.pad(x, 2, m) for m in ("edge", "reflect", "wrap")], N(4)),
    "pad with a tensor": (lambda x, v: np.pad(x, 2, constant_values=v), N(2, 3), N()),
    "pad with tensors": (lambda x, v: np.pad(x, [[1, 2]], constant_values=v), N(2, 3), N(2, 2)),
    "pad with constants": (
        lambda x: np.pad(x, 1, "constant", constant_values=((1, 2), (3, 4))),
        N(2, 3),
    ),
    "pad a number": (lambda x: np.pad(x, 0), N()),
    "pad, nothing left open": (lambda x: np.pad(x, 0, "empty"), N(2, 3)),
    **{
        f"pad {mode} {width}": (lambda x, m=mode, w=width: np.pad(x, w, m), N(2, 3))
        for mode in "edge wrap reflect symmetric maximum mean median minimum linear_ramp".split()
        for width in (2, ((0, 7), (5, 1)))
    },
    **{
        f"pad {mode} odd {width}": (
            lambda x, m=mode, w=width: np.pad(x, w, m, reflect_type="odd"),
            N(2, 3),
        )
        for mode in ("reflect", "symmetric")
        for width in (1, ((0, 7), (11, 1)))
    },
    "pad one odd": (lambda x: np.pad(x, ((3, 1), (1, 0)), "reflect", reflect_type="odd"), N(1, 2)),
    "pad ramp": (
        lambda x, v: np.pad(x, ((2, 0), (1, 3)), "linear_ramp", end_values=v),
        N(2, 3),
        N(2, 2),
    ),
    "pad statistics": (
        lambda x: [
            np.pad(x, 1, mode, stat_length=((1, 2), (2, 3)))
            for mode in ("maximum", "mean", "median", "minimum")
        ],
        N(4, 4),
    ),
    "pad a transposed array": (lambda x: np.pad(np.transpose(x, (1, 2, 0)), 2, "mean"), N(3, 4, 5)),
    "pad nothing": (lambda x: [np.pad(x, ((0, 0), (1, 2)), "edge"), np.pad(x, 1)], N(0, 3)),
    "pad complex": (
        lambda z: np.pad(z, 2, "mean") + np.pad(z, 2, "linear_ramp", end_values=1j),
        C(3),
    ),
    "pad odd complex": (lambda z: np.pad(z, 4, "reflect", reflect_type="odd"), C(3)),
}
if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
    CASES["pad by a dict"] = (lambda x: np.pad(x, {0: (1, 0), -1: 2}), N(2, 3))


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_padding_with_an_extremum_divides_ties_evenly():
    f = lambda x: np.pad(x, (1, 0), "maximum")[0]  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(np.array([3.0, 1.0, 3.0])), [0.5, 0.0, 0.5])


def test_what_padding_leaves_open_is_0():
    (t,) = tensors(np.ones(2))
    np.testing.assert_array_equal(np.pad(t, 1, "empty").data, [0, 1, 1, 0])


ERRORS = {
    "pad by a function": (lambda t: np.pad(t, 1, lambda *a: None), NotImplementedError, "np.pad"),
    "pad in no mode": (lambda t: np.pad(t, 1, "nearest"), ValueError, "mode 'nearest'"),
    "pad with no option": (lambda t: np.pad(t, 1, "edge", end_values=1), ValueError, "end_values"),
    "pad by fractions": (lambda t: np.pad(t, 0.5), TypeError, "integral"),
    "pad by less than nothing": (lambda t: np.pad(t, -1, "mean"), ValueError, "negative"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))

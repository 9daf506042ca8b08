"""NumPy's Fourier transforms on tensors: NumPy's values, and their derivatives."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(1)
fft = np.fft
CASES = {
    "shifts": (lambda x: fft.fftshift(x) * fft.ifftshift(x), N(4, 3)),
    "shifts of an axis": (lambda x: fft.fftshift(x, 1) * fft.ifftshift(x, axes=(1,)), N(4, 3)),
    "hfft": (lambda z: fft.hfft(z), C(2, 4)),
    "hfft to odd length": (lambda z: fft.hfft(z, 5, axis=0, norm="ortho"), C(4, 2)),
    "ihfft": (lambda x: fft.ihfft(x, 5, norm="forward"), N(2, 6)),
    "fft by keyword": (lambda x: fft.fft(a=x, n=4, axis=0, norm="ortho"), C(3, 2)),
    "fft of nothing": (lambda x: fft.fft(x), N(0, 3)),
    "fftn over no axes": (lambda x: fft.fftn(x, axes=()) * 2, N(2, 3)),
    "there and back": (lambda x: fft.irfft(fft.rfft(x) * fft.fft(x)[:4], 6) ** 2, N(6)),
}
# length 1, odd, even; cut short, continued, as it is; every norm; every axis
for _name in ("fft", "ifft", "rfft", "irfft"):
    for _n in (None, 1, 3, 4, 6, 7):
        for _norm in (None, "ortho", "forward"):
            CASES[f"{_name} of 5, n={_n}, norm={_norm}"] = (
                functools.partial(getattr(fft, _name), n=_n, axis=0, norm=_norm),
                N(5, 2) if _name == "rfft" else C(5, 2),
            )
    CASES[f"{_name} of reals"] = (getattr(fft, _name), N(2, 5))
    for _options in (
        *({}, {"s": (3, 6)}, {"axes": (2, 0)}, {"s": [6, 2], "axes": [0, 2], "norm": "ortho"}),
        *({"s": (4, -1), "axes": (1, 0)}, {"axes": (0, 0), "norm": "forward"}),
    ):
        for _several in ("2", "n"):
            _complete = {"axes": (-2, -1)} | _options if "s" in _options else _options
            CASES[f"{_name}{_several} {_options}"] = (
                functools.partial(getattr(fft, _name + _several), **_complete),
                N(2, 3, 4) if _name == "rfft" else C(2, 3, 4),
            )


@pytest.mark.parametrize("name", CASES)
def test_transforms(name):
    holds(*CASES[name])


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from("fft ifft rfft irfft hfft ihfft".split()),
    shape=st.lists(st.integers(2, 5), min_size=1, max_size=3),
    n=st.none() | st.integers(2, 7),
    norm=st.sampled_from([None, "backward", "ortho", "forward"]),
    data=st.data(),
)
def test_transforms_of_any_shape(name, shape, n, norm, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = N(*shape) if name in ("rfft", "ihfft") else C(*shape)
    holds(lambda x: getattr(fft, name)(x, n, axis, norm), x, order=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sizes_without_axes_are_those_of_the_last_axes():
    x = N(2, 3, 4)
    for f in (fft.fftn, fft.ifftn, fft.rfftn, fft.irfftn):
        holds(lambda x, f=f: f(x, (5, 2)), x, order=1)


def test_imaginary_parts_that_a_real_transform_drops_get_no_gradient():
    gradient = tg.grad(lambda z: np.sum(fft.irfft(z) * np.arange(6.0)))(C(4))
    assert gradient.imag[0] == gradient.imag[3] == 0
    assert np.all(gradient.imag[1:3] != 0)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda t: fft.fft(t, 0), "number of FFT data points"),
        (lambda t: fft.hfft(t, norm="best"), "norm"),
        (lambda t: fft.fftn(t, (2, 3), (0,)), "longer|shorter"),
    ],
)
def test_what_numpy_refuses_is_refused(f, message):
    with pytest.raises(ValueError, match=message):
        f(*tensors(N(3, 3)))

"""The compiled kernels against NumPy's, on random shapes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import choice
from tinygrad_np.kernels.windows import Windows


def draw(rng, *shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def winograd_layer(rng):
    """x shape, g shape and windows of a random 3 × 3 convolution."""
    images, height, width = rng.integers(1, 4), *rng.integers(3, 20, 2)
    channels, filters = 8 * rng.integers(1, 9, 2)
    padding = tuple(tuple(pair) for pair in rng.integers(0, 4, (2, 2)).tolist())
    windows = Windows((int(height), int(width)), (3, 3), (1, 1), padding, (1, 1))
    return (images, height, width, channels), (images, *windows.counts, filters), windows


def winograd_kernel_gradient(rng, dtype):
    x_shape, g_shape, windows = winograd_layer(rng)
    return (draw(rng, *x_shape, dtype=dtype), draw(rng, *g_shape, dtype=dtype), windows), {}


def winograd_input_gradient(rng, dtype):
    x_shape, g_shape, windows = winograd_layer(rng)
    kernel = draw(rng, 3, 3, x_shape[-1], g_shape[-1], dtype=dtype)
    return (draw(rng, *g_shape, dtype=dtype), kernel, int(x_shape[-1]), windows), {}


ARGUMENTS = {
    "winograd.convolve_kernel_gradient": winograd_kernel_gradient,
    "winograd.convolve_input_gradient": winograd_input_gradient,
}


def test_every_compiled_kernel_is_tested():
    assert ARGUMENTS.keys() == choice.PAYS.keys()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ARGUMENTS)
def test_compiled_agrees_with_numpy_to_the_bit_again_and_to_rounding(name, seed, dtype):
    pytest.importorskip("numba")
    module, function = name.split(".")
    args, kwargs = ARGUMENTS[name](np.random.default_rng(seed), dtype)
    compiled = getattr(importlib.import_module(f"tinygrad_np.kernels.compiled.{module}"), function)
    reference = getattr(importlib.import_module(f"tinygrad_np.kernels.{module}"), function)
    results = [f(*args, **kwargs) for f in (reference.__wrapped__, compiled, compiled)]
    results = [r if isinstance(r, tuple) else (r,) for r in results]
    for expected, result, again in zip(*results, strict=True):
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(result, again)
        scale = np.abs(expected).max(initial=0)
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * scale)


def test_the_environment_switches_compiled_kernels_off_and_show_config_says_so():
    program = "import sys, tinygrad_np as tg; tg.show_config(); assert 'numba' not in sys.modules"
    for switch in ("0", "1"):
        shown = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"TINYGRAD_NP_FAST": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in choice.PAYS:
            line = next(line for line in shown.splitlines() if line.startswith(name))
            assert switch == "1" or line.endswith("NumPy")


def test_show_config_names_versions_and_threads(capsys):
    tg.show_config()
    shown = capsys.readouterr().out
    for part in (tg.__version__, np.__version__, f"threads {tg.get_num_threads()}"):
        assert part in " ".join(shown.split())

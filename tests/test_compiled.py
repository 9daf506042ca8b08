"""The compiled kernels against NumPy's, on random shapes."""

from __future__ import annotations

import copy
import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import choice, windows
from tinygrad_np.kernels import convolution as convolution_kernels
from tinygrad_np.kernels import pooling as pooling_kernels
from tinygrad_np.kernels.windows import Windows


def draw(rng, *shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def draw_padding(rng, most):
    return tuple(tuple(pair) for pair in rng.integers(0, most, (2, 2), endpoint=True).tolist())


def winograd_layer(rng):
    """x shape, g shape and windows of a random 3 × 3 convolution."""
    images, height, width = rng.integers(1, 4), *rng.integers(3, 20, 2).tolist()
    channels, filters = 8 * rng.integers(1, 9, 2)
    layer = Windows((height, width), (3, 3), (1, 1), draw_padding(rng, 3), (1, 1))
    return (images, height, width, channels), (images, *layer.counts, filters), layer


def winograd_kernel_gradient(rng, dtype):
    x_shape, g_shape, layer = winograd_layer(rng)
    return (draw(rng, *x_shape, dtype=dtype), draw(rng, *g_shape, dtype=dtype), layer), {}


def winograd_input_gradient(rng, dtype):
    x_shape, g_shape, layer = winograd_layer(rng)
    kernel = draw(rng, 3, 3, x_shape[-1], g_shape[-1], dtype=dtype)
    return (draw(rng, *g_shape, dtype=dtype), kernel, int(x_shape[-1]), layer), {}


def convolution(rng, dtype, channels, filters, longest=5):
    images, counts = rng.integers(1, 20), rng.integers(8, 12, 2)
    window, stride = rng.integers(1, longest, (2, 2), endpoint=True).clip(max=[[9], [2]])
    padding = draw_padding(rng, 3)
    height, width = (
        int((n - 1) * s + k - low - high + rng.integers(s))
        for n, s, k, (low, high) in zip(counts, stride, window, padding, strict=True)
    )
    arrays = (
        draw(rng, images, height, width, channels, dtype=dtype),
        draw(rng, *window, channels, filters, dtype=dtype),
        draw(rng, filters, dtype=dtype) if rng.random() < 0.5 else None,
    )
    return arrays, {
        "stride": tuple(stride.tolist()),
        "padding": padding,
        "dilation": (1, 1),
        "groups": 1,
    }


def convolve(rng, dtype):
    return convolution(rng, dtype, rng.integers(4, 20), 16 * rng.integers(1, 5))


def convolve_kernel_gradient(rng, dtype):
    arrays, static = convolution(rng, dtype, 3, 32 * rng.integers(1, 3), longest=3)
    g = convolution_kernels.convolve(*arrays, **static)
    return (arrays[0], draw(rng, *g.shape, dtype=dtype)), {
        "kernel_shape": arrays[1].shape,
        **static,
    }


def depthwise_layer(rng):
    """x shape, kernel shape, g shape and windows of a random depthwise convolution."""
    lengths, stride, dilation = rng.integers(1, [[6, 6], [4, 4], [4, 4]]).tolist()
    padding, channels = draw_padding(rng, 4), int(8 * rng.integers(1, 6))
    sizes = tuple(rng.integers(16, 30, 2).tolist())
    layer = Windows(sizes, tuple(lengths), tuple(stride), padding, tuple(dilation))
    images = int(rng.integers(3, 12))
    return (
        (images, *sizes, channels),
        (*lengths, 1, channels),
        (images, *layer.counts, channels),
        layer,
    )


def depthwise(rng, dtype):
    x_shape, kernel_shape, _, layer = depthwise_layer(rng)
    bias = draw(rng, x_shape[-1], dtype=dtype) if rng.random() < 0.5 else None
    return (
        draw(rng, *x_shape, dtype=dtype),
        draw(rng, *kernel_shape, dtype=dtype),
        bias,
        layer,
    ), {}


def depthwise_input_gradient(rng, dtype):
    x_shape, kernel_shape, g_shape, layer = depthwise_layer(rng)
    while np.prod(g_shape) < choice.SMALL:
        x_shape, kernel_shape, g_shape, layer = depthwise_layer(rng)
    arrays = draw(rng, *g_shape, dtype=dtype), draw(rng, *kernel_shape, dtype=dtype)
    return (*arrays, x_shape, layer), {}


def depthwise_kernel_gradient(rng, dtype):
    x_shape, kernel_shape, g_shape, layer = depthwise_layer(rng)
    arrays = draw(rng, *x_shape, dtype=dtype), draw(rng, *g_shape, dtype=dtype)
    return (*arrays, kernel_shape, layer), {}


def pooling(rng):
    window = tuple(rng.integers(1, 4, 2).tolist())
    geometry = {
        "window": window,
        "stride": tuple(rng.integers(1, 4, 2).tolist()),
        "padding": draw_padding(rng, min(window) - 1),
    }
    return (rng.integers(1, 12), *rng.integers(12, 20, 2), rng.integers(30, 70)), geometry


def max_pool(rng, dtype):
    shape, geometry = pooling(rng)
    x = np.round(draw(rng, *shape, dtype=dtype))  # many ties
    x[rng.random(shape) < 0.01] = np.nan
    x[rng.random(shape) < 0.3] = -np.inf
    return (x,), geometry


def scatter_to_windows(rng, dtype):
    shape, geometry = pooling(rng)
    y, indices = pooling_kernels.max_pool(draw(rng, *shape, dtype=dtype), **geometry)
    return (draw(rng, *y.shape, dtype=dtype), indices), {"x_shape": shape, **geometry}


def elementwise(count):
    def arguments(rng, dtype):
        shape = rng.integers(5000, 300_000)
        return tuple(draw(rng, shape, dtype=dtype) for _ in range(count)), {}

    return arguments


def error_function(rng, dtype):
    x = 3 * draw(rng, rng.integers(5000, 300_000), dtype=dtype)
    x[:4] = np.nan, np.inf, -np.inf, -0.0
    return (x,), {}


def cross_entropy(rng, dtype):
    """Logits, some of which rule a class out, and probabilities that allow for that."""
    shape = tuple(rng.integers([20, 20, 10], [40, 30, 65]))
    logits, out = draw(rng, *shape, dtype=dtype), rng.random(shape) < 0.1
    probabilities = np.where(out, 0, rng.random(shape)).astype(dtype)
    logits[out] = -np.inf
    logits[0, 0, 0] = np.nan
    return (logits, probabilities), {}


def cross_entropy_gradient(rng, dtype):
    (logits, probabilities), _ = cross_entropy(rng, dtype)
    g = draw(rng, *logits.shape[:-1], dtype=dtype)
    if rng.random() < 0.5:
        g = np.broadcast_to(g[:1, :1], g.shape)
    return (g, logits, probabilities), {}


def rows(rng, dtype):
    return draw(rng, *rng.integers([2, 90, 30], [5, 900, 70]), dtype=dtype)


def bias_relu(rng, dtype):
    x = rows(rng, dtype)
    x[0, :2] = np.nan
    return (x, draw(rng, x.shape[-1], dtype=dtype)), {}


def where_positive_and_sums(rng, dtype):
    y = rows(rng, dtype)
    return (draw(rng, *y.shape, dtype=dtype), y), {}


def outer(rng, dtype):
    return (draw(rng, 100, 1, dtype=dtype), draw(rng, 1, 200, dtype=dtype)), {}


def update(count, *numbers):
    """`count` arrays that are read and, all but the gradient, as many to write to."""

    def arguments(rng, dtype):
        size = rng.integers(5000, 9000)
        old = [np.abs(draw(rng, size, dtype=dtype)) for _ in range(count)]
        return (*old, *(np.zeros_like(p) for p in old[1:]), *numbers), {}

    return arguments


ARGUMENTS = {
    "activations.bias_relu": bias_relu,
    "activations.relu": elementwise(1),
    "activations.where_positive": elementwise(2),
    "activations.where_positive_and_sums": where_positive_and_sums,
    "convolution.convolve": convolve,
    "convolution.convolve_kernel_gradient": convolve_kernel_gradient,
    "depthwise.convolve": depthwise,
    "depthwise.convolve_input_gradient": depthwise_input_gradient,
    "depthwise.convolve_kernel_gradient": depthwise_kernel_gradient,
    "erf.erf": error_function,
    "losses.softmax_cross_entropy": cross_entropy,
    "losses.softmax_cross_entropy_gradient": cross_entropy_gradient,
    "matmul.outer": outer,
    "pooling.max_pool": max_pool,
    "pooling.scatter_to_windows": scatter_to_windows,
    "updates.adadelta": update(4, 0.1, 0.95, 1e-7),
    "updates.adagrad": update(3, 0.1, 1e-7),
    "updates.adam": update(4, 0.1, 0.9, 0.999, 1e-7),
    "updates.momentum": update(3, 0.1, 0.9, True),
    "updates.rmsprop": update(3, 0.1, 0.9, 1e-7),
    "updates.sgd": update(2, 0.1),
    "winograd.convolve_input_gradient": winograd_input_gradient,
    "winograd.convolve_kernel_gradient": winograd_kernel_gradient,
}


def called(function, args, kwargs):
    """What the function returns, or the arrays that it wrote to."""
    args = copy.deepcopy(args)
    result = function(*args, **kwargs)
    if result is None:
        return tuple(arg for arg in args if isinstance(arg, np.ndarray))
    return result if isinstance(result, tuple) else (result,)


def test_every_compiled_kernel_is_tested():
    assert ARGUMENTS.keys() == choice.PAYS.keys()


IN_VECTORS = [name for name in ARGUMENTS if name.startswith(("convo", "depthwise", "winograd"))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("name", "vector_bytes"),
    [*((name, 32) for name in ARGUMENTS), *((name, 64) for name in IN_VECTORS)],
)
def test_compiled_agrees_with_numpy_and_with_itself_to_the_bit(
    name, vector_bytes, seed, dtype, monkeypatch
):
    pytest.importorskip("numba")
    from tinygrad_np.kernels.compiled import simd

    monkeypatch.setattr(simd, "WIDEST", vector_bytes)  # a narrower processor takes two registers
    if seed % 2:
        monkeypatch.setattr(windows, "BLOCK_BYTES", 1000)  # many blocks
    module, function = name.split(".")
    args, kwargs = ARGUMENTS[name](np.random.default_rng(seed), dtype)
    assert choice.PAYS[name](*args, **kwargs)
    compiled = getattr(importlib.import_module(f"tinygrad_np.kernels.compiled.{module}"), function)
    reference = getattr(importlib.import_module(f"tinygrad_np.kernels.{module}"), function)
    results = [called(f, args, kwargs) for f in (reference.__wrapped__, compiled, compiled)]
    for expected, result, again in zip(*results, strict=True):
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(result, again)
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * scale)


def test_equal_windows_have_equal_outputs_wherever_they_stand():
    pytest.importorskip("numba")
    x = np.tile(np.random.default_rng(0).standard_normal((1, 1, 1, 8)).astype("f4"), (3, 9, 13, 1))
    kernel = np.random.default_rng(1).standard_normal((3, 3, 8, 16)).astype("f4")
    from tinygrad_np.kernels.compiled.convolution import convolve

    static = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    y = convolve(x, kernel, None, **static)
    np.testing.assert_array_equal(y, np.broadcast_to(y[0, 0, 0], y.shape))


def test_vectors_are_as_wide_as_the_processor_has_them_and_the_array_allows():
    pytest.importorskip("numba")
    from tinygrad_np.kernels.compiled.simd import FEATURES, vector_type

    wide = 16 if "+avx512f" in FEATURES.split(",") else 8
    f4 = np.dtype(np.float32)
    assert [vector_type(f4, n).shape for n in (8, 16, 24, 64)] == [(8,), (wide,), (8,), (wide,)]
    assert vector_type(np.dtype(np.float64), 12).shape == (4,)


def test_versions_for_two_widths_are_kept_on_disk_side_by_side(tmp_path):
    pytest.importorskip("numba")
    program = """if True:
        import sys
        import numpy as np
        from tinygrad_np.kernels.compiled import convolution, simd

        simd.WIDEST = int(sys.argv[1])
        x, kernel = np.ones((2, 9, 9, 4), "f4"), np.ones((3, 3, 4, 32), "f4")
        static = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
        assert (convolution.convolve(x, kernel, None, **static) == 36).all()
        print(sum(convolution._convolve.stats.cache_hits.values()))
    """
    hits = [
        subprocess.run(
            [sys.executable, "-c", program, width],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for width in ("32", "64", "32", "64")
    ]
    assert hits == ["0", "0", "1", "1"]


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

"""Which implementation of a kernel runs: NumPy's, or the compiled one where that is faster.

The compiled kernels need numba (`pip install "tinygrad_np[fast]"`), which is loaded when the first
of them is called. TINYGRAD_NP_FAST=0 in the environment switches them off.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import os
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

__all__ = ["implementations", "or_compiled"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

VECTOR_BYTES = 32  # the least that compiled code works on at a time
SMALL = 4096  # elements: no less is worth loading numba for


def _plain(*arrays: np.ndarray) -> bool:
    """Whether they are what compiled code reads: gapless arrays of one of the two usual types."""
    dtype = arrays[0].dtype
    return dtype in (np.float32, np.float64) and all(
        array.dtype == dtype and array.flags.c_contiguous for array in arrays
    )


def _in_vectors(*arrays: np.ndarray) -> bool:
    """Whether vectors divide their last axis (the channels), too."""
    return _plain(*arrays) and all(
        array.shape[-1] * array.itemsize % VECTOR_BYTES == 0 for array in arrays
    )


def _direct_convolution(x, kernel, bias, *, stride, padding, dilation, groups):
    if x.ndim != 4 or groups != 1 or dilation != (1, 1):
        return False
    rows, columns = (
        (size + low + high - length) // step + 1
        for size, (low, high), length, step in zip(
            x.shape[1:3], padding, kernel.shape, stride, strict=False
        )
    )
    return (
        _plain(x)
        and all(array is None or array.dtype == x.dtype for array in (kernel, bias))
        and kernel.shape[-1] * x.itemsize % (2 * VECTOR_BYTES) == 0
        and columns >= 6  # pixels are taken in sixes
        and rows * columns >= 64
        and x.size * kernel.shape[-1] >= SMALL
    )


def _few_entries(x, g, *, kernel_shape, dilation, groups, **_):
    """Whether a kernel gradient is one that im2col has little to multiply for."""
    return (
        x.ndim == 4
        and groups == 1
        and dilation == (1, 1)
        and 3 <= math.prod(kernel_shape[:-1]) <= 32
        and kernel_shape[-1] * x.itemsize % (4 * VECTOR_BYTES) == 0
        and g.size >= SMALL
        and _plain(x, g)
    )


def _alike(g, y):
    return g.size >= SMALL and g.shape == y.shape and _plain(g, y)


def _large_leaf(g, *rest):
    arrays = [array for array in rest if isinstance(array, np.ndarray)]
    return g.size >= SMALL and _plain(g, *arrays)


def _depthwise(*arrays, windows):
    arrays = tuple(array for array in arrays if array is not None)
    return len(windows.sizes) == 2 and arrays[0].size >= SMALL and _in_vectors(*arrays)


def _few_classes(logits, probabilities):
    """Whether rows are so short that NumPy's exponential, of vectors, is no advantage."""
    return (
        logits.shape[-1] <= 64
        and logits.size >= SMALL
        and logits.shape == probabilities.shape
        and _plain(logits, probabilities)
    )


# Whether the compiled kernel is the one to call, for the arguments that its NumPy version takes.
PAYS: dict[str, Callable[..., bool]] = {
    "activations.bias_relu": lambda x, bias: _plain(x, bias) and x.size >= SMALL,
    "activations.relu": lambda x: _plain(x) and x.size >= SMALL,
    "activations.where_positive": _alike,
    "activations.where_positive_and_sums": _alike,
    "convolution.convolve": _direct_convolution,
    "convolution.convolve_kernel_gradient": _few_entries,
    "depthwise.convolve": lambda x, kernel, bias, windows: _depthwise(
        x, kernel, bias, windows=windows
    ),
    "depthwise.convolve_input_gradient": lambda g, kernel, x_shape, windows: _depthwise(
        g, kernel, windows=windows
    ),
    "depthwise.convolve_kernel_gradient": lambda x, g, kernel_shape, windows: _depthwise(
        x, g, windows=windows
    ),
    "erf.erf": lambda x: _plain(x) and x.size >= SMALL,
    "losses.softmax_cross_entropy": _few_classes,
    "losses.softmax_cross_entropy_gradient": lambda g, logits, probabilities: (
        _few_classes(logits, probabilities) and g.dtype == logits.dtype
    ),
    "matmul.outer": lambda a, b: _plain(a, b) and a.size * b.size >= SMALL,
    "pooling.max_pool": lambda x, window, **_: len(window) == 2 and _plain(x) and x.size >= SMALL,
    "pooling.scatter_to_windows": lambda g, indices, window, **_: (
        len(window) == 2 and _plain(g) and indices.flags.c_contiguous and g.size >= SMALL
    ),
    "updates.adadelta": _large_leaf,
    "updates.adagrad": _large_leaf,
    "updates.adam": _large_leaf,
    "updates.momentum": _large_leaf,
    "updates.rmsprop": _large_leaf,
    "updates.sgd": _large_leaf,
    "winograd.convolve_kernel_gradient": lambda x, g, windows: _in_vectors(x, g),
    "winograd.convolve_input_gradient": lambda g, kernel, channels, windows: (
        _in_vectors(g) and kernel.dtype == g.dtype and channels * g.itemsize % VECTOR_BYTES == 0
    ),
}


def or_compiled(kernel: Kernel) -> Kernel:
    """Let the compiled kernel of the same name take over where it pays.

    NumPy's stays within reach as `__wrapped__`.
    """
    module, name = kernel.__module__.rpartition(".")[2], kernel.__name__
    pays = PAYS[f"{module}.{name}"]

    @functools.wraps(kernel)
    def chosen(*args: Any, **kwargs: Any) -> Any:
        if available() and pays(*args, **kwargs) and (compiled := _compiled(module)):
            return getattr(compiled, name)(*args, **kwargs)
        return kernel(*args, **kwargs)

    return chosen  # type: ignore[return-value]


def implementations() -> dict[str, str]:
    """For every kernel that has two implementations: "numba, …" or "NumPy".

    >>> sorted(set(implementations().values()) - {"NumPy", "numba where it pays"})
    []
    """
    return {name: "numba where it pays" if available() else "NumPy" for name in PAYS}


@functools.cache
def available() -> bool:
    """Whether compiled kernels are installed and not switched off."""
    wanted = os.environ.get("TINYGRAD_NP_FAST", "1") != "0"
    return wanted and importlib.util.find_spec("numba") is not None


@functools.cache
def _compiled(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(f".compiled.{module}", __package__)
    except ImportError as error:  # numba refuses a NumPy that is newer than itself
        warnings.warn(f"compiled kernels are left out: {error}", RuntimeWarning, stacklevel=3)
        return None

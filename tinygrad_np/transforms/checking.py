"""`check_grads`: hold the derivatives of a function against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arguments import OPTIONAL_GENERATOR, SEQUENCE, checked
from ..core import tree
from .gradients import vjp


@checked(args=SEQUENCE, rng=OPTIONAL_GENERATOR)
def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    *,
    order: int = 2,
    step: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    rng: np.random.Generator | None = None,
) -> None:
    """Raise AssertionError unless the derivatives of `f` at `args` agree with central differences.

    For a random direction v and a random cotangent g, `g @ (J @ v)` is computed twice: J @ v by a
    central difference of `f`, and g @ J by its VJPs. The next order checks that VJP in the same
    way, as a function of both `args` and g.

    Args:
        f: takes the arguments by position, returns an array or a tree of arrays.
        args: a tuple or list of arrays or trees of arrays, in float64 or complex128.
        order: how many times to differentiate.
        step: the half width of the difference.
        rtol, atol: the largest difference allowed, relative and absolute.
        rng: draws the directions; seeded with 0 by default.

    Raises:
        AssertionError: naming the order, and the two numbers.
        TypeError: for arguments in a lower precision, where differences say little, and for an `f`
            that returns no floats.

    >>> check_grads(lambda x: np.sin(x) * x, (np.linspace(0.0, 1.0, 5),), order=3)
    """
    rng = np.random.default_rng(0) if rng is None else rng
    for i, arg in enumerate(args):
        for leaf in tree.leaves(arg):
            if np.asarray(leaf).dtype not in (np.float64, np.complex128):
                raise TypeError(
                    f"check_grads: argument {i} is {np.asarray(leaf).dtype}; finite differences "
                    f"need float64 or complex128"
                )
    _check(f, tuple(args), 1, order, step, rtol, atol, rng)


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    last: int,
    step: float,
    rtol: float,
    atol: float,
    rng: np.random.Generator,
) -> None:
    output, pullback = vjp(f, *args)
    for leaf in tree.leaves(output):
        if np.result_type(leaf).kind not in "fc":
            raise TypeError(f"check_grads: f must return floats, not {np.result_type(leaf)}")
    direction = _random_like(args, rng)
    cotangent = _random_like(output, rng)

    above = f(*tree.map(lambda x, v: x + step * v, args, direction))
    below = f(*tree.map(lambda x, v: x - step * v, args, direction))
    difference = tree.map(lambda a, b: (np.asarray(a) - np.asarray(b)) / (2 * step), above, below)
    expected = _inner(cotangent, difference)
    found = _inner(pullback(cotangent), direction)
    # The terms of the sum may cancel; its rounding error goes with their sizes.
    size = _inner(tree.map(np.abs, cotangent), tree.map(np.abs, difference))
    if not abs(found - expected) <= atol + rtol * max(size, abs(expected)):
        raise AssertionError(
            f"order {order}: the VJPs of {getattr(f, '__name__', f)} give {found!r}, "
            f"central differences {expected!r}"
        )
    if order < last:

        def gradient(args: tuple[Any, ...], cotangent: Any) -> Any:
            return vjp(f, *args)[1](cotangent)

        _check(gradient, (args, cotangent), order + 1, last, step, rtol, atol, rng)


def _random_like(arrays: Any, rng: np.random.Generator) -> Any:
    def draw(array: Any) -> Any:
        array = np.asarray(array)
        noise = rng.standard_normal(array.shape)
        if array.dtype.kind == "c":
            noise = noise + 1j * rng.standard_normal(array.shape)
        return noise.astype(array.dtype)

    return tree.map(draw, arrays)


def _inner(a: Any, b: Any) -> float:
    """The real part of the sum of products: cotangents are paired without conjugation."""
    products = tree.map(lambda x, y: np.real(np.sum(np.asarray(x) * np.asarray(y))), a, b)
    return float(sum(tree.leaves(products)))

"""How one element of an operation's output depends on the elements of its inputs.

The page shows the arithmetic of single elements. For convolutions, pools, dense layers, sums and
the softmax losses its script knows the formula. For every other operation one of these is found
here, from the operation's own forward function and VJPs: so it works for operations of your own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import no_flops
from ..core.tape import Record, no_grad

LARGEST_JACOBIAN = 1024  # elements
LARGEST_SOURCE = 1 << 16
LARGEST_SLOPES = 1 << 22


def is_factor(record: Record, position: int) -> bool:
    """Whether a VJP multiplies the cotangent by numbers: a complex one may conjugate it first."""
    y = record.output
    if not isinstance(y, np.ndarray) or y.dtype.kind != "c":
        return True
    vjp = record.op.vjps[position]
    with no_grad(), np.errstate(all="ignore"):
        real, imaginary = (
            vjp(np.full_like(y, g), y, *record.args, **record.params) for g in (1, 1j)
        )
    return np.allclose(np.multiply(real, 1j), imaginary, equal_nan=True)


def local_derivative(record: Record, position: int) -> np.ndarray | None:
    """dy/dx of an elementwise operation, for every element; None where shapes differ.

    The Jacobian is diagonal, so its product with ones is its diagonal.
    """
    y = record.output
    if not record.op.elementwise or not isinstance(y, np.ndarray) or y.size > LARGEST_SLOPES:
        return None
    if y.shape != np.shape(record.args[position]):
        return None
    with no_grad(), np.errstate(all="ignore"):
        slope = record.op.vjps[position](np.ones_like(y), y, *record.args, **record.params)
    if slope is None or np.shape(slope) != y.shape:
        return None
    return np.asarray(slope)


def jacobian(record: Record, position: int) -> np.ndarray | None:
    """dy/dx with the axes of y first, an output element at a time; None where it would be large."""
    y, x = record.output, record.args[position]
    if not isinstance(y, np.ndarray) or y.size * x.size > LARGEST_JACOBIAN or y.size > 64:
        return None
    rows = []
    with no_grad(), np.errstate(all="ignore"):
        for i in range(y.size):
            one = np.zeros_like(y)
            one.flat[i] = 1
            row = record.op.vjps[position](one, y, *record.args, **record.params)
            if row is None or np.shape(row) != x.shape:
                return None
            rows.append(np.asarray(row))
    return np.reshape(rows, (*y.shape, *x.shape)) if rows else None


def source(record: Record) -> np.ndarray | None:
    """Where each element of the output was taken from, for operations that only move elements.

    Element k of the result is the place, in the arguments laid one after the other, of what stands
    at element k of the output, or -1 where no argument's element does. None for other operations.
    """
    y = record.output
    arrays = [arg for arg in record.args if isinstance(arg, np.ndarray) and arg.dtype.kind == "f"]
    if record.op.flops is not no_flops or not isinstance(y, np.ndarray) or not arrays:
        return None
    total = sum(array.size for array in arrays)
    if max(total, y.size) > LARGEST_SOURCE or any(array.dtype == "f2" for array in arrays):
        return None
    places, taken = [], 0
    for array in arrays:
        places.append(np.arange(1 + taken, 1 + taken + array.size).reshape(array.shape))
        taken += array.size
    numbered = iter(places)
    args = [
        next(numbered).astype(arg.dtype) if any(arg is a for a in arrays) else arg
        for arg in record.args
    ]
    try:
        found = np.asarray(record.op.forward(*args, **record.params))
    except Exception:  # an operation of the user's own may refuse such values
        return None
    if found.shape != y.shape:
        return None
    found = found.astype(np.int64) - 1
    everything = np.concatenate([array.ravel() for array in arrays])
    if np.any(found < -1) or np.any(found >= total):
        return None
    same = np.array_equal(
        np.where(found >= 0, everything[found] if total else 0, y), y, equal_nan=True
    )
    return found.astype(np.int32) if same else None


def largest_terms(
    x: np.ndarray, kernel: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each sum y[j] = Σ_i x[i] · kernel[i, j] the largest terms, for a kernel too large to show.

    Returns:
        i (J, count), the largest terms first; kernel[i, j] (J, count); and the sum (J,) of all
        the others.
    """
    terms = x[:, None].astype(np.float64) * kernel
    count = min(count, len(x))
    places = np.argpartition(-np.abs(terms), count - 1, axis=0)[:count]
    chosen = np.take_along_axis(terms, places, axis=0)
    order = np.argsort(-np.abs(chosen), axis=0, kind="stable")
    places = np.take_along_axis(places, order, axis=0)
    rest = terms.sum(axis=0) - chosen.sum(axis=0)
    return (
        places.T.astype(np.int32),
        np.take_along_axis(kernel, places, axis=0).T,
        rest,
    )


def dense_terms(record: Record, g: Any, counts: tuple[int, int] = (12, 5)) -> dict[str, Any]:
    """The largest terms of a dense layer of one row: forward, and backward to its input."""
    x, kernel = (np.asarray(arg) for arg in record.args[:2])
    terms = {"forward": largest_terms(x.reshape(-1), kernel, counts[0])}
    if g is not None:
        terms["backward"] = largest_terms(np.reshape(g, -1), kernel.T, counts[1])
    return terms

"""Between class numbers and vectors."""

from __future__ import annotations

import numpy as np

from ..arguments import NUMERIC_DTYPE, checked
from ..core.primitive import plain


@checked(dtype=NUMERIC_DTYPE)
def one_hot(labels, classes, dtype=np.float32):
    """Rows of zeros with a one at each label: y[..., k] = [label = k]. It has no gradient.

    Args:
        labels: integers (...,) from 0 to classes - 1.
        classes: how many.
        dtype: of the result.

    Raises:
        TypeError: for labels that aren't integers.
        ValueError: for a label out of range.

    >>> one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels = _whole_numbers("one_hot", "label", labels, classes)
    return (labels[..., None] == np.arange(classes)).astype(dtype)


@checked()
def embedding(indices, table):
    """Row `indices` of a table: y[..., :] = table[index, :].

    The VJP adds every cotangent to the row that it came from.

    Args:
        indices: integers (...,) from 0 to rows - 1.
        table: (rows, features).

    Raises:
        TypeError: for indices that aren't integers.
        ValueError: for an index out of range, or a table that isn't a matrix.

    >>> embedding(np.array([1, 1]), np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[3., 4.],
           [3., 4.]])
    """
    if np.ndim(table) != 2:
        raise ValueError(
            f"embedding: table must be (rows, features), it has shape {np.shape(table)}"
        )
    return table[_whole_numbers("embedding", "index", indices, np.shape(table)[0])]


def _whole_numbers(name, what, numbers, end):
    numbers = np.asarray(plain(numbers))
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"{name}: each {what} must be an integer, they are {numbers.dtype}")
    wrong = (numbers < 0) | (numbers >= end)
    if wrong.any():
        raise ValueError(
            f"{name}: {what} {numbers[wrong][0]} is out of range, it must be from 0 to {end - 1}"
        )
    return numbers

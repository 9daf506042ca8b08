"""Between class numbers and vectors."""

from __future__ import annotations

import numpy as np

from ..core.primitive import plain


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
    labels = _class_numbers("one_hot", labels, classes)
    return (labels[..., None] == np.arange(classes)).astype(dtype)


def embedding(indices, table):
    """Row `indices` of a table: y[..., :] = table[index, :].

    The VJP adds every cotangent to the row that it came from.

    Args:
        indices: integers (...,) from 0 to rows - 1.
        table: (rows, features).

    Raises:
        TypeError, ValueError: for indices that aren't integers or out of range.

    >>> embedding(np.array([1, 1]), np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[3., 4.],
           [3., 4.]])
    """
    return table[_class_numbers("embedding", indices, np.shape(table)[0])]


def _class_numbers(name, labels, classes):
    labels = np.asarray(plain(labels))
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be integers, they are {labels.dtype}")
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        raise ValueError(
            f"{name}: label {labels[wrong][0]} is out of range, labels go from 0 to {classes - 1}"
        )
    return labels

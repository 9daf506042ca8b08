"""Mini-batches of examples."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["batches"]


def batches(
    x: Any,
    y: Any,
    batch_size: int,
    *,
    rng: np.random.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go once through the examples, `batch_size` at a time.

    Args:
        x, y: arrays with one example a row. A memory-mapped array is read batch by batch.
        batch_size: examples in a batch. The last batch is shorter where they do not divide evenly.
        rng: shuffles the examples, by one `rng.permutation(len(x))` at the call. Without it they
            come in order, as views of `x` and `y`.
        drop_last: leave a shorter last batch out.

    Returns:
        An iterator over pairs `(x[rows], y[rows])`.

    Raises:
        ValueError: where there are no examples, x and y differ in length, `batch_size` is below 1,
            or `drop_last` leaves nothing.
        TypeError: where `batch_size` is no integer or `rng` no generator.

    >>> x, y = np.arange(5.0), np.arange(5)
    >>> [rows.tolist() for _, rows in batches(x, y, 2)]
    [[0, 1], [2, 3], [4]]
    >>> [rows.tolist() for _, rows in batches(x, y, 2, rng=np.random.default_rng(0))]
    [[2, 4], [3, 0], [1]]
    """
    # Checks and shuffle stand outside the generator below, which would put them off to its start.
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"batches: x and y must have the same length; x is {x.shape}, y is {y.shape}"
        )
    if len(x) == 0:
        raise ValueError("batches: x and y hold no examples")
    if operator.index(batch_size) < 1:
        raise ValueError(f"batches: batch_size must be at least 1, not {batch_size}")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(
            "batches: rng must be a numpy.random.Generator such as np.random.default_rng(0), "
            f"not {rng!r}"
        )
    stop = len(x) - len(x) % batch_size if drop_last else len(x)
    if stop == 0:
        raise ValueError(
            f"batches: drop_last leaves no batch of {batch_size} from {len(x)} examples"
        )
    order = None if rng is None else rng.permutation(len(x))

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, stop, batch_size):
            rows: Any = slice(start, min(start + batch_size, stop))
            if order is not None:
                rows = order[rows]
            yield x[rows], y[rows]

    return generate()

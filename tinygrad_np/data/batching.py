"""Mini-batches of examples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..arguments import OPTIONAL_GENERATOR, PLAIN, checked

__all__ = ["batches"]

Batch = tuple[np.ndarray, np.ndarray]


@checked(x=PLAIN, y=PLAIN, rng=OPTIONAL_GENERATOR)
def batches(
    x: Any,
    y: Any,
    batch_size: int,
    *,
    rng: np.random.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[Batch]:
    """Go once through the examples, `batch_size` at a time.

    A memory-mapped array is read a batch at a time, by a thread that is up to two batches ahead of
    the caller. Rows of an array in memory are gathered in less time than a thread takes to wake, so
    it has none.

    Args:
        x, y: arrays with one example a row.
        batch_size: examples in a batch. The last batch is shorter where they do not divide evenly.
        rng: shuffles the examples, by one `rng.permutation(len(x))` at the call. Without it they
            come in order, as views of `x` and `y`, or copies where one of them is memory-mapped.
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
    # Checks and shuffle happen at the call: a generator would put them off to its start.
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"batches: x and y must have the same length; x is {x.shape}, y is {y.shape}"
        )
    if len(x) == 0:
        raise ValueError("batches: x and y hold no examples")
    stop = len(x) - len(x) % batch_size if drop_last else len(x)
    if stop == 0:
        raise ValueError(
            f"batches: drop_last leaves no batch of {batch_size} from {len(x)} examples"
        )
    order = None if rng is None else rng.permutation(len(x))
    ahead = _is_mapped(x) or _is_mapped(y)

    def read(start: int) -> Batch:
        rows: Any = slice(start, min(start + batch_size, stop))
        if order is not None:
            rows = order[rows]
        elif ahead:
            # A view would leave the reading to the caller.
            return x[rows].copy(), y[rows].copy()
        return x[rows], y[rows]

    starts = range(0, stop, batch_size)
    return _read_ahead(read, starts) if ahead else (read(start) for start in starts)


def _is_mapped(array: Any) -> bool:
    """Whether the array is memory-mapped, or a view of one that is."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def _read_ahead(read: Callable[[int], Batch], starts: Iterable[int]) -> Iterator[Batch]:
    """`map(read, starts)` by a thread that is up to two batches ahead of the one given out."""
    from concurrent.futures import ThreadPoolExecutor

    thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        pending: deque[Any] = deque()
        for start in starts:
            pending.append(thread.submit(read, start))
            if len(pending) > 2:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # No waiting: garbage collection may close this generator in the thread itself.
        thread.shutdown(wait=False, cancel_futures=True)

"""Where the windows of a convolution or a pooling lie.

Along one dimension, window `o` reads the positions `o * stride - low + k * dilation` of the input,
for `k` from 0 to the window's length; positions outside the input are padding. Every argument here
is a tuple with one entry for each spatial dimension, `padding` with a pair (low, high).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tinygrad_np.kernels.threads import cut, get_num_threads, workspace

__all__ = ["blocks", "inside", "output_shape", "padded", "taps"]

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]
Block = tuple[slice, slice]  # of images, and of windows along the first spatial dimension
Tap = tuple[int, tuple[slice, ...], tuple[slice, ...]]

# Of a block's workspace. Smaller blocks lose to the interpreter's lock changing hands, larger ones
# leave the cache; and work that fits into one block is done sooner than another thread wakes up.
BLOCK_BYTES = 3 << 20


def output_shape(
    sizes: Sizes, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> Sizes:
    """The number of windows along each dimension.

    >>> output_shape((28, 28), (3, 3), (2, 1), ((1, 1), (0, 0)), (1, 1))
    (14, 26)
    """
    return tuple(
        (size + low + high - (k - 1) * d - 1) // s + 1
        for size, k, s, (low, high), d in zip(sizes, window, stride, padding, dilation, strict=True)
    )


def taps(
    sizes: Sizes,
    outputs: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    rows: slice | None = None,
) -> Iterator[Tap]:
    """What each place in the window connects: (its flat number, slices of input, of output).

    The two tuples of slices select equally many positions, in the same order, and leave out the
    padding. `rows` keeps to these windows along the first dimension, then numbered from 0.

    >>> for tap in taps((4,), (4,), (3,), (1,), ((1, 1),), (1,)):
    ...     print(tap)
    (0, (slice(0, 3, 1),), (slice(1, 4, None),))
    (1, (slice(0, 4, 1),), (slice(0, 4, None),))
    (2, (slice(1, 4, 1),), (slice(0, 3, None),))
    """
    first_row = rows.start if rows else 0
    if rows:
        outputs = (rows.stop - rows.start, *outputs[1:])
    lines = []
    for axis, (size, out, s, d) in enumerate(zip(sizes, outputs, stride, dilation, strict=True)):
        start = (first_row * s if axis == 0 else 0) - padding[axis][0]
        lines.append([_line(size, out, s, start + k * d) for k in range(window[axis])])
    for number, line in enumerate(itertools.product(*lines)):
        if all(line):
            source, target = zip(*line, strict=True)
            yield number, source, target


def _line(size: int, outputs: int, stride: int, start: int) -> tuple[slice, slice] | None:
    """Outputs 0, 1, … read the positions start, start + stride, …: those inside the input."""
    low = max(0, -(start // stride))
    high = min(outputs, (size - 1 - start) // stride + 1)
    if high <= low:
        return None
    return (
        slice(start + low * stride, start + (high - 1) * stride + 1, stride),
        slice(low, high),
    )


def blocks(images: int, rows: int, row_bytes: int) -> list[Block]:
    """Cut `images` × `rows` into blocks of whole images, or of rows of one image.

    `row_bytes` is the workspace that one row takes; a block takes about `BLOCK_BYTES`.
    """
    image_bytes = max(1, rows * row_bytes)
    if image_bytes > BLOCK_BYTES:
        parts = cut(rows, -(-image_bytes // BLOCK_BYTES))
        return [(slice(i, i + 1), part) for i in range(images) for part in parts]
    pieces = -(-images * image_bytes // BLOCK_BYTES)
    if pieces > 1:  # as many for every thread
        pieces = -(-pieces // get_num_threads()) * get_num_threads()
    return [(part, slice(0, rows)) for part in cut(images, pieces)]


Bounds = list[tuple[int, int]]  # first and last + 1 along each spatial dimension


def inside(sizes: Sizes, bounds: Bounds) -> Bounds:
    """The part of the bounds that lies in an image of these sizes."""
    return [(max(0, low), min(size, high)) for size, (low, high) in zip(sizes, bounds, strict=True)]


def padded(x: np.ndarray, images: slice, bounds: Bounds) -> np.ndarray:
    """x[images] between the bounds, with zeros where they leave x (N, *S, C).

    A view where they do not, else valid until the calling thread's next call.
    """
    within = inside(x.shape[1:-1], bounds)
    part = x[images, *(slice(low, high) for low, high in within)]
    if within == bounds:
        return part
    shape = (len(part), *(high - low for low, high in bounds), x.shape[-1])
    out = workspace("padded", shape, x.dtype)
    out[...] = 0
    here = (
        slice(low - start, high - start)
        for (low, high), (start, _) in zip(within, bounds, strict=True)
    )
    out[:, *here] = part
    return out

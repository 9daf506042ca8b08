"""Where the windows of a convolution or a pooling lie, and blocks of them to work on."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .threads import cut, get_num_threads, workspace

__all__ = ["Block", "Padding", "Sizes", "Windows", "blocks", "by_image", "inside", "padded"]

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]
Bounds = tuple[
    tuple[int, int], ...
]  # along each spatial dimension: the first position, the last + 1
Block = tuple[slice, slice]  # of images, and of windows along the first spatial dimension
Tap = tuple[int, tuple[slice, ...], tuple[slice, ...]]

# The workspace of a block. Smaller blocks lose to the interpreter's lock changing hands, larger
# ones leave the cache; and work that fits into one is done sooner than another thread wakes up.
BLOCK_BYTES = 3 << 20


class Windows(NamedTuple):
    """The windows of an image; each field has an entry for every spatial dimension.

    Along one dimension, window `o` reads the positions `o * stride - low + k * dilation` for `k`
    from 0 to its length; positions outside the image are padding.
    """

    sizes: Sizes  # of the image
    lengths: Sizes  # of a window
    stride: Sizes
    padding: Padding  # pairs (low, high)
    dilation: Sizes

    @property
    def counts(self) -> Sizes:
        """How many windows there are.

        >>> Windows((28, 28), (3, 3), (2, 1), ((1, 1), (0, 0)), (1, 1)).counts
        (14, 26)
        """
        return _counts(self)

    def bounds(self, rows: slice) -> Bounds:
        """What the windows of these rows read of the image; it may reach outside.

        >>> Windows((5,), (3,), (1,), ((1, 1),), (1,)).bounds(slice(0, 2))
        ((-1, 3),)
        """
        return _bounds(self, rows.start, rows.stop)

    def view(self, part: np.ndarray) -> np.ndarray:
        """View images (n, *within bounds, C) as their windows (n, *counts, *lengths, C)."""
        spans = [
            (length - 1) * d + 1 for length, d in zip(self.lengths, self.dilation, strict=True)
        ]
        counts = [
            (size - span) // stride + 1
            for size, span, stride in zip(part.shape[1:-1], spans, self.stride, strict=True)
        ]
        image, *steps, channel = part.strides
        return as_strided(
            part,
            (len(part), *counts, *self.lengths, part.shape[-1]),
            (
                image,
                *(step * stride for step, stride in zip(steps, self.stride, strict=True)),
                *(step * dilation for step, dilation in zip(steps, self.dilation, strict=True)),
                channel,
            ),
        )

    def taps(self, rows: slice) -> tuple[Tap, ...]:
        """What each place in the window joins: (its flat number, slices of image, of windows).

        Both tuples of slices select equally many positions, in the same order, and leave out the
        padding. The windows are those of `rows`, numbered from 0.

        >>> for tap in Windows((4,), (3,), (1,), ((1, 1),), (1,)).taps(slice(0, 4)):
        ...     print(tap)
        (0, (slice(0, 3, 1),), (slice(1, 4, None),))
        (1, (slice(0, 4, 1),), (slice(0, 4, None),))
        (2, (slice(1, 4, 1),), (slice(0, 3, None),))
        """
        return _taps(self, rows.start, rows.stop)


# A network asks for the same few at every step; with a small batch that is a good part of the work.
_remembered = functools.lru_cache(maxsize=1024)


@_remembered
def _counts(windows: Windows) -> Sizes:
    return tuple(
        (size + low + high - (length - 1) * dilation - 1) // stride + 1
        for size, length, stride, (low, high), dilation in zip(*windows, strict=True)
    )


@_remembered
def _bounds(windows: Windows, start: int, stop: int) -> Bounds:
    spans = [(start, stop), *((0, count) for count in windows.counts[1:])]
    return tuple(
        (first * stride - low, (last - 1) * stride + (length - 1) * dilation + 1 - low)
        for (first, last), _, length, stride, (low, _), dilation in zip(
            spans, *windows, strict=True
        )
    )


@_remembered
def _taps(windows: Windows, start: int, stop: int) -> tuple[Tap, ...]:
    counts = (stop - start, *windows.counts[1:])
    starts = [low for low, _ in _bounds(windows, start, stop)]
    lines = [
        [_line(size, count, stride, start + k * dilation) for k in range(length)]
        for count, start, size, length, stride, _, dilation in zip(
            counts, starts, *windows, strict=True
        )
    ]
    return tuple(
        (number, *zip(*line, strict=True))
        for number, line in enumerate(itertools.product(*lines))
        if all(line)
    )


def _line(size: int, count: int, stride: int, start: int) -> tuple[slice, slice] | None:
    """Windows 0, 1, … read the positions start, start + stride, …: those inside the image."""
    low = max(0, -(start // stride))
    high = min(count, (size - 1 - start) // stride + 1)
    if high <= low:
        return None
    first, last = start + low * stride, start + (high - 1) * stride
    return slice(first, last + 1, stride), slice(low, high)


def inside(bounds: Bounds, sizes: Sizes) -> Bounds:
    """The part of the bounds that lies in an image of these sizes."""
    return tuple(
        (min(max(0, low), size), max(0, min(size, high)))
        for size, (low, high) in zip(sizes, bounds, strict=True)
    )


def padded(x: np.ndarray, images: slice, bounds: Bounds) -> np.ndarray:
    """x[images] between the bounds, with zeros where they leave x (N, *S, C).

    A view where they do not; else valid until the calling thread's next call.
    """
    within = inside(bounds, x.shape[1:-1])
    part = x[images, *(slice(low, high) for low, high in within)]
    if within == bounds:
        return part
    shape = (len(part), *(high - low for low, high in bounds), x.shape[-1])
    out = workspace("padded", shape, x.dtype)
    out[...] = 0
    pairs = zip(within, bounds, strict=True)
    out[:, *(slice(low - start, high - start) for (low, high), (start, _) in pairs)] = part
    return out


def blocks(images: int, rows: int, row_bytes: int) -> list[Block]:
    """Cut `images` × `rows` into blocks of whole images, or of rows of one image.

    `row_bytes` is the workspace that one row takes; a block takes at most about `BLOCK_BYTES`.
    """
    image_blocks = -(-rows * row_bytes // BLOCK_BYTES)
    if image_blocks > 1:
        parts = cut(rows, image_blocks)
        return [(slice(i, i + 1), part) for i in range(images) for part in parts]
    count = -(-images * rows * row_bytes // BLOCK_BYTES)
    if count > 1:  # as many for each thread
        count = -(-count // get_num_threads()) * get_num_threads()
    return [(part, slice(0, rows)) for part in cut(images, count)]


def by_image(blocks: list[Block]) -> list[list[Block]]:
    """The blocks of the same images together.

    Windows overlap between the rows of an image, never between images. So where windows are added
    to images, different threads may take these lists, but not the blocks of one.
    """
    return [list(group) for _, group in itertools.groupby(blocks, lambda block: block[0].start)]

"""The gradients of `kernels.winograd`, with the tiles transformed in registers.

There a transform is a product with the Kronecker product of a matrix with itself, and takes longer
than the products over the channels that it makes smaller. Here the matrix acts on the columns of a
tile and then on its rows, and of two rows that belong to points ±p only the sum of the even and of
the odd coefficients is computed: the other row is their difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..memory import empty
from ..threads import share, share_sum, workspace
from ..windows import Block, Windows, blocks, by_image
from ..winograd import PLACES, _tiles
from .simd import fill, fma, inlined, jit, lanes, load, store, vector_type

# The points ±A and ±B = ±1 / A; what L(±p) and L(∞), the polynomials that are 1 at one point and 0
# at the others, have for coefficients follows from them.
A2, B2 = 4 / 9, 9 / 4
A, B = 2 / 3, 3 / 2
R = -(A2 + B2)
KA, KB = 1 / (2 * A2 * (A2 - B2)), 1 / (2 * B2 * (B2 - A2))

# Elements between the places of a tile, more than it takes: else all 36 lines of memory that a tile
# is written to would compete for the same few lines of the cache.
GAP = 16


def convolve_kernel_gradient(x: np.ndarray, g: np.ndarray, windows: Windows) -> np.ndarray:
    dtype, shape = x.dtype, (x.shape[-1], g.shape[-1])
    inputs, outputs = _tiles(windows)

    def term(block: Block, out: np.ndarray) -> None:
        values = _transformed(_input_tiles, x, block, inputs, "inputs")
        cotangent = _transformed(_output_tiles, g, block, outputs, "outputs")
        np.matmul(values.swapaxes(1, 2), cotangent, out=out)

    total = share_sum(term, _blocks(g, outputs, shape), (PLACES, *shape), dtype)
    dk = np.empty((3, 3, *shape), dtype)
    _kernel_from_places(vector_type(dtype, dk[0, 0].size), dk, total)
    return dk


def convolve_input_gradient(
    g: np.ndarray, kernel: np.ndarray, channels: int, windows: Windows
) -> np.ndarray:
    dx = empty((len(g), *windows.sizes, channels), g.dtype)
    inputs, outputs = _tiles(windows)
    weights = np.empty((PLACES, *kernel.shape[2:]), g.dtype)
    vector = vector_type(g.dtype, kernel[0, 0].size)
    _kernel_to_places(vector, weights, np.ascontiguousarray(kernel))
    (top, _), (left, _) = inputs.padding
    vector = vector_type(g.dtype, channels)

    def work(image_blocks: list[Block]) -> None:
        images = dx[image_blocks[0][0]]
        images[...] = 0
        for block in image_blocks:
            cotangent = _transformed(_output_tiles, g, block, outputs, "outputs")
            memory, product = _places("inputs", cotangent.shape[1], channels, g.dtype)
            np.matmul(cotangent, weights.swapaxes(1, 2), out=product)
            rows = block[1]
            _add_tiles(vector, memory, images, rows.start, rows.stop, outputs.counts[1], top, left)

    share(work, by_image(_blocks(g, outputs, kernel.shape[2:])))
    return dx


def _blocks(g: np.ndarray, tiles: Windows, channels: tuple[int, ...]) -> list[Block]:
    rows, columns = tiles.counts
    return blocks(len(g), rows, columns * PLACES * sum(channels) * g.itemsize)


def _places(name: str, tiles: int, channels: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """A workspace with a line for each place, and its view (PLACES, tiles, channels)."""
    size = tiles * channels
    memory = workspace(name, (PLACES, size + GAP), dtype)
    return memory, memory[:, :size].reshape(PLACES, tiles, channels)


def _transformed(
    transform: Any, x: np.ndarray, block: Block, tiles: Windows, name: str
) -> np.ndarray:
    images, rows = block
    columns = tiles.counts[1]
    count = (images.stop - images.start) * (rows.stop - rows.start) * columns
    memory, view = _places(name, count, x.shape[-1], x.dtype)
    (top, _), (left, _) = tiles.padding
    vector = vector_type(x.dtype, x.shape[-1])
    transform(vector, memory, x[images], rows.start, rows.stop, columns, top, left)
    return view


@inlined
def _at(vector, x, image, row, column, channel):
    """The vector of channels that begins there, or zeros outside the image."""
    _, rows, columns, channels = x.shape
    if 0 <= row < rows and 0 <= column < columns:
        return load(vector, x, ((image * rows + row) * columns + column) * channels + channel)
    # Numba counts references to x, and keeps to that in the loop where a branch makes no use of x.
    return fill(vector, x.dtype.type(0))


@inlined
def _add_at(vector, x, image, row, column, channel, values):
    _, rows, columns, channels = x.shape
    if 0 <= row < rows and 0 <= column < columns:
        at = ((image * rows + row) * columns + column) * channels + channel
        store(x, at, load(vector, x, at) + values)


@inlined
def _load6(vector, array, at, step):
    return (
        load(vector, array, at),
        load(vector, array, at + step),
        load(vector, array, at + 2 * step),
        load(vector, array, at + 3 * step),
        load(vector, array, at + 4 * step),
        load(vector, array, at + 5 * step),
    )


@inlined
def _store6(array, at, step, six):
    store(array, at, six[0])
    store(array, at + step, six[1])
    store(array, at + 2 * step, six[2])
    store(array, at + 3 * step, six[3])
    store(array, at + 4 * step, six[4])
    store(array, at + 5 * step, six[5])


@inlined
def _evaluated(constants, d0, d1, d2, d3):
    """V(4) d: a polynomial of 4 coefficients at the 6 points."""
    a, a2, b, b2, _, _, _ = constants
    even, odd = fma(a2, d2, d0), a * fma(a2, d3, d1)
    even_b, odd_b = fma(b2, d2, d0), b * fma(b2, d3, d1)
    return d0, even + odd, even - odd, even_b + odd_b, even_b - odd_b, d3


@inlined
def _interpolating(constants, d0, d1, d2, d3, d4, d5):
    """Bᵀ d, that is, for each point p, L(p)'s coefficients times d."""
    a, a2, b, b2, r, ka, kb = constants
    even, odd = ka * (d4 - b2 * d2), ka * a * (d3 - b2 * d1)
    even_b, odd_b = kb * (d4 - a2 * d2), kb * b * (d3 - a2 * d1)
    first, last = fma(r, d2, d0 + d4), fma(r, d3, d1 + d5)
    return first, even + odd, even - odd, even_b + odd_b, even_b - odd_b, last


@inlined
def _interpolated(constants, v0, v1, v2, v3, v4, v5):
    """B v: the 6 coefficients of the polynomial with these values."""
    a, a2, b, b2, r, ka, kb = constants
    even, odd = ka * (v1 + v2), ka * a * (v1 - v2)
    even_b, odd_b = kb * (v3 + v4), kb * b * (v3 - v4)
    return (
        v0,
        v5 - b2 * odd - a2 * odd_b,
        r * v0 - b2 * even - a2 * even_b,
        fma(r, v5, odd + odd_b),
        v0 + even + even_b,
        v5,
    )


@inlined
def _evaluated_3(constants, k0, k1, k2):
    """V(3) k."""
    a, a2, b, b2, _, _, _ = constants
    even, odd, even_b, odd_b = fma(a2, k2, k0), a * k1, fma(b2, k2, k0), b * k1
    return k0, even + odd, even - odd, even_b + odd_b, even_b - odd_b, k2


@inlined
def _collected_3(constants, v0, v1, v2, v3, v4, v5):
    """V(3)ᵀ v."""
    a, a2, b, b2, _, _, _ = constants
    even, even_b = v1 + v2, v3 + v4
    odd = fma(a, v1 - v2, b * (v3 - v4))
    return v0 + even + even_b, odd, fma(a2, even, fma(b2, even_b, v5))


@inlined
def _constants(vector):
    return (
        fill(vector, A),
        fill(vector, A2),
        fill(vector, B),
        fill(vector, B2),
        fill(vector, R),
        fill(vector, KA),
        fill(vector, KB),
    )


@jit
def _output_tiles(vector, out, g, start, stop, columns, top, left):
    """The tiles of 4 × 4 in rows start to stop, times V(4) from both sides.

    Place (p, q) of each goes to line 6 p + q of `out`.
    """
    images, _, _, channels = g.shape
    constants = _constants(vector)
    width, line = lanes(vector), out.shape[1]
    half = np.empty(6 * 4 * width, g.dtype)
    at = 0
    for image in range(images):
        for i in range(4 * start - top, 4 * stop - top, 4):
            for j in range(-left, 4 * columns - left, 4):
                for k in range(0, channels, width):
                    for q in range(4):
                        column = _evaluated(
                            constants,
                            _at(vector, g, image, i, j + q, k),
                            _at(vector, g, image, i + 1, j + q, k),
                            _at(vector, g, image, i + 2, j + q, k),
                            _at(vector, g, image, i + 3, j + q, k),
                        )
                        _store6(half, q * width, 4 * width, column)
                    for p in range(6):
                        row = 4 * p * width
                        values = _evaluated(
                            constants,
                            load(vector, half, row),
                            load(vector, half, row + width),
                            load(vector, half, row + 2 * width),
                            load(vector, half, row + 3 * width),
                        )
                        _store6(out, 6 * p * line + at, line, values)
                    at += width


@jit
def _input_tiles(vector, out, x, start, stop, columns, top, left):
    """The tiles of 6 × 6 in rows start to stop, times Bᵀ from both sides, as above."""
    images, _, _, channels = x.shape
    constants = _constants(vector)
    width, line = lanes(vector), out.shape[1]
    half = np.empty(6 * 6 * width, x.dtype)
    at = 0
    for image in range(images):
        for i in range(4 * start - top, 4 * stop - top, 4):
            for j in range(-left, 4 * columns - left, 4):
                for k in range(0, channels, width):
                    for q in range(6):
                        column = _interpolating(
                            constants,
                            _at(vector, x, image, i, j + q, k),
                            _at(vector, x, image, i + 1, j + q, k),
                            _at(vector, x, image, i + 2, j + q, k),
                            _at(vector, x, image, i + 3, j + q, k),
                            _at(vector, x, image, i + 4, j + q, k),
                            _at(vector, x, image, i + 5, j + q, k),
                        )
                        _store6(half, q * width, 6 * width, column)
                    for p in range(6):
                        row = _load6(vector, half, 6 * p * width, width)
                        _store6(out, 6 * p * line + at, line, _interpolating(constants, *row))
                    at += width


@jit
def _add_tiles(vector, values, dx, start, stop, columns, top, left):
    """Add the tiles of 6 × 6 that have these values, in the layout above, to the images."""
    images, _, _, channels = dx.shape
    constants = _constants(vector)
    width, line = lanes(vector), values.shape[1]
    half = np.empty(6 * 6 * width, dx.dtype)
    at = 0
    for image in range(images):
        for i in range(4 * start - top, 4 * stop - top, 4):
            for j in range(-left, 4 * columns - left, 4):
                for k in range(0, channels, width):
                    for q in range(6):
                        column = _load6(vector, values, q * line + at, 6 * line)
                        _store6(half, q * width, 6 * width, _interpolated(constants, *column))
                    for p in range(6):
                        row = _load6(vector, half, 6 * p * width, width)
                        row = _interpolated(constants, *row)
                        _add_at(vector, dx, image, i + p, j, k, row[0])
                        _add_at(vector, dx, image, i + p, j + 1, k, row[1])
                        _add_at(vector, dx, image, i + p, j + 2, k, row[2])
                        _add_at(vector, dx, image, i + p, j + 3, k, row[3])
                        _add_at(vector, dx, image, i + p, j + 4, k, row[4])
                        _add_at(vector, dx, image, i + p, j + 5, k, row[5])
                    at += width


@jit
def _kernel_to_places(vector, out, kernel):
    """V(3) from both sides of the kernel (3, 3, C, F): (PLACES, C, F)."""
    constants = _constants(vector)
    size, width = kernel[0, 0].size, lanes(vector)
    half = np.empty(6 * 3 * width, kernel.dtype)
    for at in range(0, size, width):
        for q in range(3):
            column = q * size + at
            values = _evaluated_3(
                constants,
                load(vector, kernel, column),
                load(vector, kernel, column + 3 * size),
                load(vector, kernel, column + 6 * size),
            )
            _store6(half, q * width, 3 * width, values)
        for p in range(6):
            row = 3 * p * width
            values = _evaluated_3(
                constants,
                load(vector, half, row),
                load(vector, half, row + width),
                load(vector, half, row + 2 * width),
            )
            _store6(out, 6 * p * size + at, size, values)


@jit
def _kernel_from_places(vector, kernel, values):
    """The transpose of that."""
    constants = _constants(vector)
    size, width = kernel[0, 0].size, lanes(vector)
    half = np.empty(3 * 6 * width, kernel.dtype)
    for at in range(0, size, width):
        for q in range(6):
            column = _load6(vector, values, q * size + at, 6 * size)
            k0, k1, k2 = _collected_3(constants, *column)
            store(half, q * width, k0)
            store(half, (6 + q) * width, k1)
            store(half, (12 + q) * width, k2)
        for p in range(3):
            k0, k1, k2 = _collected_3(constants, *_load6(vector, half, 6 * p * width, width))
            store(kernel, 3 * p * size + at, k0)
            store(kernel, (3 * p + 1) * size + at, k1)
            store(kernel, (3 * p + 2) * size + at, k2)

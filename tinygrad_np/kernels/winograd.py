"""The gradients of a 3 × 3 convolution of images with a quarter of the multiplications.

Two polynomials of 4 and 3 coefficients may be multiplied by evaluating both at 6 points,
multiplying the values, and interpolating the product's 6 coefficients: 6 multiplications in place
of 12. With V(n) the matrix that evaluates n coefficients at the points,

    a * b = V(6)⁻¹ (V(4) a · V(3) b)

The transpose of this map in `a` takes 6 values d to the 4 outputs of their correlation with b:

    y = Aᵀ (Bᵀ d · G b)        A = V(4),   B = V(6)⁻¹,   G = V(3)

In two dimensions each matrix acts on the rows and on the columns, which is to multiply a flattened
tile by its Kronecker product with itself: a tile of 4 × 4 outputs then takes 36 multiplications for
each pair of channels, in place of 144. All of it is matrix products: transform the tiles of x and
the kernel, multiply them over the channels for each of the 36 places, transform back. The gradients
are the same steps transposed.

Only the gradients: forward, the sums that are exactly zero, such as those over black margins of an
image, would be zero but for rounding, and ReLU's derivative would then be 1 instead of 0.

Winograd, "Arithmetic complexity of computations" (1980); Lavin and Gray, "Fast algorithms for
convolutional neural networks" (2016).
"""

from __future__ import annotations

import math

import numpy as np

from .choice import available, or_compiled
from .memory import empty
from .threads import share, share_sum, single_threaded_blas, workspace
from .windows import Block, Sizes, Windows, blocks, by_image, inside, padded

__all__ = ["convolve_input_gradient", "convolve_kernel_gradient", "pays"]

OUT, IN = 4, 6  # outputs and inputs of a tile along one dimension
PLACES = IN * IN
# Where it begins to be faster than im2col, measured: channels, and pixels of all images.
MIN_CHANNELS, MIN_PIXELS, MIN_PIXELS_COMPILED = 32, 2048, 256


def _evaluate(coefficients: int) -> np.ndarray:
    # Zero, ±c, ±1/c, and infinity, where only the last coefficient counts. Such points round least
    # (Alam et al., "Winograd convolution for deep neural networks: efficient point selection"): the
    # error of y is 6e-7 of its size, of the kernel's gradient 1.4e-6; with 0, ±1, ±2 it is twice.
    points = np.array([0, 2 / 3, -2 / 3, 3 / 2, -3 / 2])
    finite = np.vander(points, coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


A, B, G = (np.kron(m, m) for m in (_evaluate(OUT), np.linalg.inv(_evaluate(IN)), _evaluate(3)))


def pays(images: int, windows: Windows, kernel_shape: Sizes, groups: int, dtype: np.dtype) -> bool:
    """Whether a convolution is of this kind, and large enough to be faster for it."""
    pixels = math.prod(windows.counts)
    return (
        windows.lengths == (3, 3)
        and windows.stride == windows.dilation == (1, 1)
        and groups == 1
        and dtype in (np.float32, np.float64)
        and min(kernel_shape[-2:]) >= MIN_CHANNELS
        and images * pixels >= (MIN_PIXELS_COMPILED if available() else MIN_PIXELS)
        # Else too much of the tiles lies outside.
        and pixels >= 0.75 * OUT**2 * math.prod(_tiles(windows)[1].counts)
    )


@or_compiled
def convolve_kernel_gradient(x: np.ndarray, g: np.ndarray, windows: Windows) -> np.ndarray:
    """`convolution.convolve_kernel_gradient` for a convolution of this kind."""
    dtype = np.result_type(x, g)
    shape = (3, 3, x.shape[-1], g.shape[-1])
    inputs, outputs = _tiles(windows)

    def term(block: Block, out: np.ndarray) -> None:
        values = _transformed(B.T, x, block, inputs, "inputs", dtype)
        cotangent = _transformed(A, g, block, outputs, "outputs", dtype)
        np.matmul(values.swapaxes(1, 2), cotangent, out=out)

    todo = _blocks(len(x), outputs, shape, dtype)
    total = share_sum(term, todo, (PLACES, *shape[2:]), dtype)
    with single_threaded_blas():
        return (G.T.astype(dtype) @ total.reshape(PLACES, -1)).reshape(shape)


@or_compiled
def convolve_input_gradient(
    g: np.ndarray, kernel: np.ndarray, channels: int, windows: Windows
) -> np.ndarray:
    """`convolution.convolve_input_gradient` for a convolution of this kind."""
    dtype = np.result_type(g, kernel)
    dx = empty((len(g), *windows.sizes, channels), dtype)
    inputs, outputs = _tiles(windows)
    weights = np.ascontiguousarray(_transformed_kernel(kernel, dtype).swapaxes(1, 2))

    def work(image_blocks: list[Block]) -> None:
        dx[image_blocks[0][0]] = 0
        for images, rows in image_blocks:
            cotangent = _transformed(A, g, (images, rows), outputs, "outputs", dtype)
            product = workspace("inputs", (*cotangent.shape[:2], channels), dtype)
            np.matmul(cotangent, weights, out=product)
            bounds = inputs.bounds(rows)
            within = inside(bounds, windows.sizes)
            part = whole = dx[images, *(slice(*line) for line in within)]
            if within != bounds:
                shape = (len(part), *(high - low for low, high in bounds), channels)
                whole = workspace("image", shape, dtype)
                whole[...] = 0
            tiles = _places_first(inputs.view(whole))
            values = _multiply(B, product, "tiles").reshape(tiles.shape)
            # Tiles share two rows and two columns with their neighbours. Within each of these four
            # parts of a tile they share nothing, so that it can be added for all tiles at once.
            for i in (slice(0, OUT), slice(OUT, IN)):
                for j in (slice(0, OUT), slice(OUT, IN)):
                    tiles[i, j] += values[i, j]
            if whole is not part:
                top, left = (
                    low - start for (low, _), (start, _) in zip(within, bounds, strict=True)
                )
                part += whole[:, top : top + part.shape[1], left : left + part.shape[2]]

    share(work, by_image(_blocks(len(g), outputs, kernel.shape, dtype)))
    return dx


def _tiles(windows: Windows) -> tuple[Windows, Windows]:
    """The tiles of the input and of the output; the last ones may reach over the edge."""
    rest = tuple((0, -count % OUT) for count in windows.counts)
    padding = tuple(
        (low, high + more) for (low, high), (_, more) in zip(windows.padding, rest, strict=True)
    )
    step = (OUT, OUT)
    return (
        Windows(windows.sizes, (IN, IN), step, padding, (1, 1)),
        Windows(windows.counts, (OUT, OUT), step, rest, (1, 1)),
    )


def _blocks(images: int, tiles: Windows, kernel_shape: Sizes, dtype: np.dtype) -> list[Block]:
    rows, columns = tiles.counts
    return blocks(images, rows, columns * PLACES * max(kernel_shape[-2:]) * dtype.itemsize)


def _places_first(tiles: np.ndarray) -> np.ndarray:
    return np.moveaxis(tiles, (3, 4), (0, 1))


def _transformed(
    matrix: np.ndarray, x: np.ndarray, block: Block, tiles: Windows, name: str, dtype: np.dtype
) -> np.ndarray:
    """The matrix times each tile of a block of x: (PLACES, tiles, channels)."""
    view = _places_first(tiles.view(padded(x, block[0], tiles.bounds(block[1]))))
    flat = workspace("tiles", view.shape, dtype)
    np.copyto(flat, view)
    flat = flat.reshape(matrix.shape[1], -1)
    return _multiply(matrix, flat, name).reshape(PLACES, -1, x.shape[-1])


def _transformed_kernel(kernel: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with single_threaded_blas():
        values = G.astype(dtype) @ kernel.astype(dtype, copy=False).reshape(9, -1)
    return values.reshape(PLACES, *kernel.shape[2:])


def _multiply(matrix: np.ndarray, tiles: np.ndarray, name: str) -> np.ndarray:
    """The matrix times flattened tiles (places, …): (its rows, …)."""
    out = workspace(name, (len(matrix), math.prod(tiles.shape[1:])), tiles.dtype)
    np.matmul(matrix.astype(tiles.dtype), tiles.reshape(len(tiles), -1), out=out)
    return out

"""3 × 3 convolution of images with a quarter of the multiplications.

Two polynomials of 4 and 3 coefficients may be multiplied by evaluating both at 6 points, multiplying
the values, and interpolating the 6 coefficients of the product: 6 multiplications in place of 12.
With V(n) the matrix that evaluates n coefficients at the points,

    a * b = V(6)⁻¹ (V(4) a · V(3) b)

The transpose of this map in `a` takes 6 values d to the 4 outputs of their correlation with b:

    y = Aᵀ (Bᵀ d · G b)        A = V(4),   B = V(6)⁻¹,   G = V(3)

In two dimensions each matrix acts on the rows and on the columns, which is to multiply a flattened
tile by its Kronecker product with itself: a tile of 4 × 4 outputs then takes 36 multiplications for
each pair of channels, in place of 144. All of it is matrix products: transform the tiles of x and
the kernel, multiply them over the channels for each of the 36 places, transform back. The gradients
are the same steps transposed.

Winograd, "Arithmetic complexity of computations" (1980); Lavin and Gray, "Fast algorithms for
convolutional neural networks" (2016).
"""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_np.kernels.threads import share, share_sum, workspace
from tinygrad_np.kernels.windows import Block, Padding, Sizes, blocks, inside, output_shape, padded

__all__ = ["convolve", "convolve_input_gradient", "convolve_kernel_gradient", "pays"]

OUT, IN = 4, 6  # outputs and inputs of a tile along one dimension
PLACES = IN * IN
MIN_CHANNELS, MIN_PIXELS = 32, 2048  # where it begins to be faster than im2col: measured


def _evaluate(coefficients: int) -> np.ndarray:
    # Zero, ±c, ±1/c, and infinity, where only the last coefficient counts. Points of this form round
    # least (Alam et al., "Winograd convolution for deep neural networks: efficient point selection",
    # 2022): the error here is twice that of im2col; with the usual 0, ±1, ±2 it is five times.
    points = np.array([0, 2 / 3, -2 / 3, 3 / 2, -3 / 2])
    finite = np.vander(points, coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


A, B, G = (np.kron(m, m) for m in (_evaluate(OUT), np.linalg.inv(_evaluate(IN)), _evaluate(3)))


def pays(
    g_shape: Sizes,
    kernel_shape: Sizes,
    stride: Sizes,
    dilation: Sizes,
    groups: int,
    dtype: np.dtype,
) -> bool:
    """Whether a convolution is of the kind above, and large enough to be faster for it."""
    tile_pixels = OUT**2 * math.prod(-(-size // OUT) for size in g_shape[1:-1])
    return (
        kernel_shape[:-2] == (3, 3)
        and stride == dilation == (1, 1)
        and groups == 1
        and dtype in (np.float32, np.float64)
        and min(kernel_shape[-2:]) >= MIN_CHANNELS
        and math.prod(g_shape[:-1]) >= MIN_PIXELS
        # Tiles that reach far over the edge compute what nobody needs.
        and math.prod(g_shape[1:-1]) >= 0.75 * tile_pixels
    )


def convolve(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, *, padding: Padding
) -> np.ndarray:
    """`convolution.convolve` with stride, dilation and groups of 1."""
    dtype = np.result_type(x, kernel)
    outputs = output_shape(x.shape[1:-1], (3, 3), (1, 1), padding, (1, 1))
    y = np.empty((len(x), *outputs, kernel.shape[-1]), dtype)
    weights = _transformed_kernel(kernel, dtype)

    def work(block: Block) -> None:
        images, rows = block
        values = _values(B.T, x, images, _bounds(rows, outputs, IN, padding), "inputs", dtype)
        product = workspace("outputs", (*values.shape[:2], y.shape[-1]), dtype)
        np.matmul(values, weights, out=product)
        part = y[images, OUT * rows.start : OUT * rows.stop]
        shape = len(part), *(high - low for low, high in _bounds(rows, outputs, OUT)), y.shape[-1]
        whole = part if part.shape == shape else workspace("image", shape, dtype)
        tiles = _tiles(whole, OUT)
        np.copyto(tiles, _multiply(A.T, product, "tiles").reshape(tiles.shape))
        if whole is not part:  # the last tiles reach over the edge
            np.copyto(part, whole[:, : part.shape[1], : part.shape[2]])
        if bias is not None:
            part += bias

    share(work, _blocks(y.shape, kernel.shape, dtype))
    return y


def convolve_kernel_gradient(x: np.ndarray, g: np.ndarray, *, padding: Padding) -> np.ndarray:
    """`convolution.convolve_kernel_gradient` with stride, dilation and groups of 1."""
    dtype = np.result_type(x, g)
    outputs, shape = g.shape[1:-1], (3, 3, x.shape[-1], g.shape[-1])

    def term(block: Block, out: np.ndarray) -> None:
        images, rows = block
        values = _values(B.T, x, images, _bounds(rows, outputs, IN, padding), "inputs", dtype)
        cotangent = _values(A, g, images, _bounds(rows, outputs, OUT), "outputs", dtype)
        np.matmul(values.swapaxes(1, 2), cotangent, out=out)

    total = share_sum(term, _blocks(g.shape, shape, dtype), (PLACES, *shape[2:]), dtype)
    return (G.T.astype(dtype) @ total.reshape(PLACES, -1)).reshape(shape)


def convolve_input_gradient(
    g: np.ndarray, kernel: np.ndarray, *, x_shape: Sizes, padding: Padding
) -> np.ndarray:
    """`convolution.convolve_input_gradient` with stride, dilation and groups of 1."""
    dtype = np.result_type(g, kernel)
    outputs, channels = g.shape[1:-1], x_shape[-1]
    dx = np.empty(x_shape, dtype)
    weights = np.ascontiguousarray(_transformed_kernel(kernel, dtype).swapaxes(1, 2))

    def work(image_blocks: list[Block]) -> None:
        dx[image_blocks[0][0]] = 0
        for images, rows in image_blocks:
            cotangent = _values(A, g, images, _bounds(rows, outputs, OUT), "outputs", dtype)
            product = workspace("inputs", (*cotangent.shape[:2], channels), dtype)
            np.matmul(cotangent, weights, out=product)
            bounds = _bounds(rows, outputs, IN, padding)
            within = inside(x_shape[1:-1], bounds)
            part = dx[images, *(slice(low, high) for low, high in within)]
            whole = part
            if within != bounds:
                shape = len(part), *(high - low for low, high in bounds), channels
                whole = workspace("image", shape, dtype)
                whole[...] = 0
            tiles = _tiles(whole, IN)
            values = _multiply(B, product, "tiles").reshape(tiles.shape)
            # Neighbouring tiles share two rows and two columns. In each of these four parts of a
            # tile they share nothing, so that the parts may be added for all tiles at once.
            for i in (slice(0, OUT), slice(OUT, IN)):
                for j in (slice(0, OUT), slice(OUT, IN)):
                    tiles[i, j] += values[i, j]
            if whole is not part:
                (top, left) = (
                    low - start for (low, _), (start, _) in zip(within, bounds, strict=True)
                )
                part += whole[:, top : top + part.shape[1], left : left + part.shape[2]]

    todo = _blocks(g.shape, kernel.shape, dtype)
    share(work, [list(group) for _, group in groupby(todo, key=lambda block: block[0].start)])
    return dx


def _blocks(g_shape: Sizes, kernel_shape: Sizes, dtype: np.dtype) -> list[Block]:
    """Blocks of images and of rows of tiles."""
    rows, columns = (-(-size // OUT) for size in g_shape[1:-1])
    return blocks(g_shape[0], rows, columns * PLACES * max(kernel_shape[-2:]) * dtype.itemsize)


def _bounds(
    rows: slice, outputs: Sizes, size: int, padding: Padding = ((0, 0), (0, 0))
) -> list[tuple[int, int]]:
    """What tiles of this size cover of the image, in both dimensions, for these rows of tiles."""
    spans = (rows.start, rows.stop), (0, -(-outputs[1] // OUT))
    return [
        (first * OUT - low, last * OUT + size - OUT - low)
        for (first, last), (low, _) in zip(spans, padding, strict=True)
    ]


def _tiles(image: np.ndarray, size: int) -> np.ndarray:
    """View images (n, rows, columns, c) as tiles (size, size, n, tile rows, tile columns, c)."""
    images, rows, columns, channels = image.strides
    counts = ((length - size) // OUT + 1 for length in image.shape[1:3])
    return as_strided(
        image,
        (size, size, len(image), *counts, image.shape[-1]),
        (rows, columns, images, OUT * rows, OUT * columns, channels),
    )


def _multiply(matrix: np.ndarray, tiles: np.ndarray, name: str) -> np.ndarray:
    """The matrix times each flattened tile: (its rows, tiles, channels)."""
    out = workspace(name, (len(matrix), math.prod(tiles.shape[1:])), tiles.dtype)
    np.matmul(matrix.astype(tiles.dtype), tiles.reshape(len(tiles), -1), out=out)
    return out


def _values(
    matrix: np.ndarray,
    x: np.ndarray,
    images: slice,
    bounds: list[tuple[int, int]],
    name: str,
    dtype: np.dtype,
) -> np.ndarray:
    """The transformed tiles of x between the bounds: (places, tiles, channels)."""
    size = math.isqrt(matrix.shape[1])
    view = _tiles(padded(x, images, bounds), size)
    tiles = workspace("tiles", view.shape, dtype)
    np.copyto(tiles, view)
    return _multiply(matrix, tiles.reshape(size * size, -1), name).reshape(PLACES, -1, x.shape[-1])


def _transformed_kernel(kernel: np.ndarray, dtype: np.dtype) -> np.ndarray:
    values = G.astype(dtype) @ kernel.astype(dtype, copy=False).reshape(9, -1)
    return values.reshape(PLACES, *kernel.shape[2:])

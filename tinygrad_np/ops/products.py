"""Products of vectors, matrices and stacks of matrices.

The rule behind most of them: for Y = A B, dY = dA B + A dB. The final scalar changes by
sum(G * dY) = sum((G Bᵀ) * dA) + sum((Aᵀ G) * dB), so the cotangents are G Bᵀ and Aᵀ G. Complex
products are no different, but for those that conjugate an operand; of those, the cotangent is
conjugated once more.
"""

from __future__ import annotations

import math
import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arguments import checked
from ..core.primitive import implements, plain, primitive
from ..core.tensor import rules
from ..kernels.matmul import matmul


def _product_flops(output, x, y, *rest, **kwargs):
    return 2 * np.size(output) * (np.shape(x)[-1] if np.ndim(x) else 1)


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def _matmul_vjp_left(g, x, y):
    """G Bᵀ; vectors count as a matrix with one row or column."""
    if np.ndim(y) == 1:
        return g[..., None] * y
    if np.ndim(x) == 1:
        return _matmul(y, g[..., None])[..., 0]
    return _matmul(g, _transposed(y))


def _matmul_vjp_right(g, x, y):
    """Aᵀ G; vectors count as a matrix with one row or column."""
    if np.ndim(x) == 1:
        return np.multiply(x, g) if np.ndim(y) == 1 else np.expand_dims(x, 1) * g[..., None, :]
    if np.ndim(y) == 1:
        return _matmul(_transposed(x), g[..., None])[..., 0]
    if np.ndim(y) == 2:  # one product for a whole stack, instead of a stack to be summed
        return _matmul(_rows(x).T, _rows(g))
    return _matmul(_transposed(x), g)


def _rows(x):
    """The vectors along the last axis as one matrix."""
    return np.reshape(x, (math.prod(np.shape(x)[:-1]), np.shape(x)[-1]))


def _vecdot_vjp_left(g, x, y):
    """z = Σ x* y: of Re(g Σ dx* y), the part that multiplies dx is (g y)*."""
    return np.conjugate(g[..., None] * y)


def _vecdot_vjp_right(g, x, y):
    """g x*."""
    return g[..., None] * np.conjugate(x)


def _matvec_vjp_matrix(g, a, x):
    """g xᵀ."""
    return g[..., :, None] * np.expand_dims(x, -2)


def _matvec_vjp_vector(g, a, x):
    """Aᵀ g."""
    return np.matvec(_transposed(a), g)


def _vecmat_vjp_vector(g, x, a):
    """z = xᴴ A: (A g)*."""
    return np.conjugate(np.matvec(a, g))


def _vecmat_vjp_matrix(g, x, a):
    """x* gᵀ."""
    return np.expand_dims(np.conjugate(x), -1) * g[..., None, :]


def _product(ufunc, *vjps, forward=None):
    """Make a primitive of a product, with VJPs `vjp(g, x, y)` for core axes that come last."""
    made = primitive(forward or ufunc, name=ufunc.__name__, flops=_product_flops)
    made.defvjp(*(_along_axes(i, vjp) for i, vjp in enumerate(vjps)))
    return implements(ufunc)(made)


def _along_axes(i, vjp):
    """The VJP for operand i where `axis` or `axes` names other axes: moved to the end, and back."""

    def moved(g, z, x, y, axis=None, axes=None, keepdims=False, dtype=None):
        if keepdims:
            g = np.squeeze(g, -1 if axis is None else axis)
        if axis is not None:
            axes = (axis, axis)
        if axes is None:
            return vjp(g, x, y)
        axes = [part if isinstance(part, tuple) else (part,) for part in axes]
        ends = [range(-len(part), 0) for part in axes]
        x, y = np.moveaxis(x, axes[0], ends[0]), np.moveaxis(y, axes[1], ends[1])
        if len(axes) == 3:
            g = np.moveaxis(g, axes[2], ends[2])
        ndim = np.ndim((x, y)[i])  # broadcasting adds axes in front: count from the end
        return np.moveaxis(vjp(g, x, y), ends[i], [a if a < 0 else a - ndim for a in axes[i]])

    moved.__doc__ = vjp.__doc__  # for who lists the rules; the signature is its own
    return moved


def _matmul_forward(x1, x2, **options):
    return np.matmul(x1, x2, **options) if options else matmul(np.asarray(x1), np.asarray(x2))


_matmul = _product(np.matmul, _matmul_vjp_left, _matmul_vjp_right, forward=_matmul_forward)
_product(np.vecdot, _vecdot_vjp_left, _vecdot_vjp_right)
if hasattr(np, "matvec"):  # NumPy 2.2
    _product(np.matvec, _matvec_vjp_matrix, _matvec_vjp_vector)
    _product(np.vecmat, _vecmat_vjp_vector, _vecmat_vjp_matrix)


def _dot_vjp_left(g, z, a, b, out=None):
    """That of matmul, where np.dot is the same; Σ over all axes of b but the last but one, else."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * b
    if np.ndim(b) <= 2:
        return _matmul_vjp_left(g, a, b)
    axes = (range(np.ndim(a) - 1, np.ndim(g)), range(np.ndim(b) - 1))
    return np.tensordot(g, np.moveaxis(b, -2, -1), axes)


def _dot_vjp_right(g, z, a, b, out=None):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * a
    if np.ndim(b) <= 2:
        return _matmul_vjp_right(g, a, b)
    axes = range(np.ndim(a) - 1)
    return np.moveaxis(np.tensordot(a, g, (axes, axes)), 0, -2)


def _dot_forward(a, b, out=None):
    """A stack of matrices times a matrix is matmul's, too, for which np.dot has no BLAS."""
    if out is None and np.ndim(a) > 2 and np.ndim(b) == 2:
        return matmul(np.asarray(a), np.asarray(b))
    return np.dot(a, b, out)


_dot = primitive(_dot_forward, name="dot", flops=_product_flops)
_dot.defvjp(_dot_vjp_left, _dot_vjp_right)
implements(np.dot)(_dot)
primitive(np.vdot, flops=lambda output, a, b: 2 * np.size(a)).defvjp(
    # Σ a* b, over all axes
    lambda g, z, a, b: np.conjugate(g * np.reshape(b, np.shape(a))),
    lambda g, z, a, b: g * np.conjugate(np.reshape(a, np.shape(b))),
)


@primitive
@checked()
def dense(x, kernel, bias=None):
    """A dense layer: y = x · kernel + bias, as Keras's `Dense` without activation.

    The VJPs: for x, g · kernelᵀ; for the kernel, xᵀ · g, summed over all leading axes of x; for the
    bias, which was broadcast, the sum of g over the leading axes.

    Args:
        x: (..., in).
        kernel: (in, out).
        bias: (out,), or None.

    Returns:
        (..., out).

    Raises:
        ValueError: if the shapes don't fit.

    >>> dense(np.ones((2, 3)), np.ones((3, 4)), np.arange(4.0))
    array([[3., 4., 5., 6.],
           [3., 4., 5., 6.]])
    """
    if np.ndim(x) < 1 or np.ndim(kernel) != 2 or np.shape(x)[-1] != np.shape(kernel)[0]:
        raise ValueError(
            f"dense: kernel (in, out) must match the last axis of x "
            f"(x {np.shape(x)}, kernel {np.shape(kernel)})"
        )
    x, kernel = np.asarray(x), np.asarray(kernel)
    y = matmul(x, kernel)
    if bias is None:
        return y
    if np.shape(bias) != np.shape(kernel)[1:]:
        raise ValueError(
            f"dense: bias must have shape {np.shape(kernel)[1:]}, it has {np.shape(bias)} "
            f"(kernel {np.shape(kernel)})"
        )
    return np.add(y, bias, out=y) if y.dtype == np.result_type(y, bias) else y + bias


dense.flops = _product_flops
dense.defvjp(
    lambda g, y, x, kernel, bias=None: dense(g, np.transpose(kernel)),
    lambda g, y, x, kernel, bias=None: dense(_rows(x).T, _rows(g)),
    lambda g, y, x, kernel, bias: g,
)


@implements(np.inner)
def _inner(a, b):
    return np.dot(a, b if np.ndim(a) == 0 or np.ndim(b) < 2 else _transposed(b))


@implements(np.outer)
def _outer(a, b):
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


@implements(np.linalg.outer)
def _vector_outer(x1, x2, /):
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"np.linalg.outer: both operands must be vectors ({np.shape(x1)} and {np.shape(x2)})"
        )
    return np.outer(x1, x2)


@implements(np.kron)
def _kron(a, b):
    n = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)) for x in (a, b))
    product = np.expand_dims(a, tuple(range(1, 2 * n, 2)))
    product = product * np.expand_dims(b, tuple(range(0, 2 * n, 2)))
    return np.reshape(product, np.multiply(np.shape(a), np.shape(b)).tolist())


def _cross_vjp(i, g, z, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """g · (da × b) = da · (b × g) and g · (a × db) = db · (g × a).

    A vector of length 2 has 0 as its third component; of two such, only that of z is left.
    """
    axes = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a_last, b_last = np.moveaxis(a, axes[0], -1), np.moveaxis(b, axes[1], -1)
    if np.shape(a_last)[-1] == np.shape(b_last)[-1] == 2:
        g = np.stack([np.zeros_like(g), np.zeros_like(g), g], -1)
    else:
        g = np.moveaxis(g, axes[2], -1)
    factors = (_three(b_last), g) if i == 0 else (g, _three(a_last))
    n, ndim = np.shape((a_last, b_last)[i])[-1], np.ndim((a, b)[i])
    to = axes[i] if axes[i] < 0 else axes[i] - ndim  # broadcasting adds axes in front
    return np.moveaxis(np.cross(*factors)[..., :n], -1, to)


def _three(x):
    return x if np.shape(x)[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], -1)


primitive(np.cross).defvjp_each(_cross_vjp)


@implements(np.linalg.cross)
def _vector_cross(x1, x2, /, *, axis=-1):
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(
            f"np.linalg.cross: vectors must have length 3 ({np.shape(x1)} and {np.shape(x2)})"
        )
    return np.cross(x1, x2, axis=axis)


@implements(np.tensordot, np.linalg.tensordot)
def _tensordot(a, b, axes=2):
    if np.ndim(axes) == 0:
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    a_axes, b_axes = (
        normalize_axis_tuple(np.ravel(x_axes).astype(int).tolist(), np.ndim(x))
        for x_axes, x in zip(axes, (a, b), strict=True)
    )
    a_kept = tuple(i for i in range(np.ndim(a)) if i not in a_axes)
    b_kept = tuple(i for i in range(np.ndim(b)) if i not in b_axes)
    a, b = np.transpose(a, a_kept + a_axes), np.transpose(b, b_axes + b_kept)
    shape, summed = np.shape(a)[: len(a_kept)], np.shape(a)[len(a_kept) :]
    if summed != np.shape(b)[: len(b_axes)]:
        raise ValueError(
            f"np.tensordot: the axes to sum over have lengths {summed} and "
            f"{np.shape(b)[: len(b_axes)]}"
        )
    rest, n = np.shape(b)[len(b_axes) :], math.prod(summed)
    product = np.dot(np.reshape(a, (math.prod(shape), n)), np.reshape(b, (n, math.prod(rest))))
    return np.reshape(product, shape + rest)


@primitive
def multi_dot(*arrays):
    """A₀ A₁ ⋯, the brackets set where they save the most multiplications.

    For Y = L X R with the products L and R of the matrices before X and after it, the cotangent of
    X is Lᵀ G Rᵀ: another such product. A vector in front counts as a row, one at the end as a
    column.
    """
    return np.linalg.multi_dot(arrays)


def _multi_dot_vjp(i, g, y, *arrays):
    first, *middle, last = arrays
    matrices = [
        np.atleast_2d(first),
        *middle,
        np.expand_dims(last, 1) if np.ndim(last) == 1 else last,
    ]
    g = np.reshape(g, (np.shape(matrices[0])[0], np.shape(matrices[-1])[1]))
    before = [_transposed(x) for x in reversed(matrices[:i])]
    after = [_transposed(x) for x in reversed(matrices[i + 1 :])]
    return np.reshape(np.linalg.multi_dot([*before, g, *after]), np.shape(arrays[i]))


multi_dot.defvjp_each(_multi_dot_vjp)


@implements(np.linalg.multi_dot)
def _multi_dot(arrays):
    return multi_dot(*arrays)


@implements(np.linalg.matrix_power)
def _matrix_power(a, n):
    """Squares and products in NumPy's order; a power of 0 is constant."""
    n = operator.index(n)
    if n == 0:
        return np.linalg.matrix_power(plain(a), 0)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    power, square = None, a
    while n:
        n, odd = divmod(n, 2)
        if odd:
            power = square if power is None else np.matmul(power, square)
        if n:
            square = np.matmul(square, square)
    return power


implements(np.linalg.matmul)(rules[np.matmul])
implements(np.linalg.vecdot)(rules[np.vecdot])

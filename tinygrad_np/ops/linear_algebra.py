"""Products and decompositions of vectors, matrices and stacks of matrices.

The rule behind most of them: for Y = A B, dY = dA B + A dB. The final scalar changes by
sum(G * dY) = sum((G Bᵀ) * dA) + sum((Aᵀ G) * dB), so the cotangents are G Bᵀ and Aᵀ G.
"""

from __future__ import annotations

import math
import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.primitive import implements, primitive
from ..kernels.matmul import matmul
from .indexing import at_add
from .reductions import _expand, _extremum_vjp


def _product_flops(output, x, y, *rest, **kwargs):
    return 2 * np.size(output) * (np.shape(x)[-1] if np.ndim(x) else 1)


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def _matmul_vjp_left(g, z, x, y):
    """G Bᵀ; vectors count as a matrix with one row or column."""
    if np.ndim(y) == 1:
        return g[..., None] * y
    if np.ndim(x) == 1:
        return np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, _transposed(y))


def _matmul_vjp_right(g, z, x, y):
    """Aᵀ G; vectors count as a matrix with one row or column."""
    if np.ndim(x) == 1:
        return x * g if np.ndim(y) == 1 else np.expand_dims(x, 1) * g[..., None, :]
    if np.ndim(y) == 1:
        return np.matmul(_transposed(x), g[..., None])[..., 0]
    if np.ndim(y) == 2:  # one product for a whole stack, instead of a stack to be summed
        return np.matmul(_rows(x).T, _rows(g))
    return np.matmul(_transposed(x), g)


def _rows(x):
    """The vectors along the last axis as one matrix."""
    return np.reshape(x, (math.prod(np.shape(x)[:-1]), np.shape(x)[-1]))


def _dot_vjp_left(g, z, a, b):
    """That of matmul, where np.dot is the same; Σ over all axes of b but the last but one, else."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * b
    if np.ndim(b) <= 2:
        return _matmul_vjp_left(g, z, a, b)
    axes = (range(np.ndim(a) - 1, np.ndim(g)), range(np.ndim(b) - 1))
    return np.tensordot(g, np.moveaxis(b, -2, -1), axes)


def _dot_vjp_right(g, z, a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * a
    if np.ndim(b) <= 2:
        return _matmul_vjp_right(g, z, a, b)
    axes = range(np.ndim(a) - 1)
    return np.moveaxis(np.tensordot(a, g, (axes, axes)), 0, -2)


primitive(np.matmul, flops=_product_flops).defvjp(_matmul_vjp_left, _matmul_vjp_right)
primitive(np.dot, flops=_product_flops).defvjp(_dot_vjp_left, _dot_vjp_right)


@primitive
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


def _einsum_vjp(i, g, y, *operands, subscripts, optimize=False):
    """The same product with g in the place of operand i, and operand i's axes as the output's.

    An axis that stands in no other term was summed out of operand i alone: its cotangent repeats
    along that axis. One that stands in it twice picked a diagonal: its cotangent fills one.
    """
    inputs, output = subscripts.split("->")
    others = inputs.split(",")
    wanted = others.pop(i)
    distinct = "".join(dict.fromkeys(wanted))
    known = "".join(c for c in distinct if c in output or any(c in term for term in others))
    rest = operands[:i] + operands[i + 1 :]
    cotangent = np.einsum(f"{','.join([output, *others])}->{known}", g, *rest, optimize=optimize)
    cotangent = cotangent[tuple(slice(None) if c in known else None for c in distinct)]
    sizes = dict(zip(wanted, np.shape(operands[i]), strict=True))
    # Where the operand's axis has length 1 and was broadcast, the walk over the tape sums.
    shape = [sizes[c] if n == 1 else n for c, n in zip(distinct, cotangent.shape, strict=True)]
    cotangent = np.broadcast_to(cotangent, tuple(shape))
    if distinct == wanted:
        return cotangent
    places = np.ogrid[tuple(slice(n) for n in shape)]
    index = tuple(places[distinct.index(c)] for c in wanted)
    return at_add(np.zeros([shape[distinct.index(c)] for c in wanted], g.dtype), index, cotangent)


def _einsum_flops(output, *operands, subscripts, **kwargs):
    letters = subscripts.split("->")[0].replace(",", "")
    sizes = [n for operand in operands for n in np.shape(operand)]
    return len(operands) * math.prod(dict(zip(letters, sizes, strict=True)).values())


@primitive
def einsum(*operands, subscripts, optimize=False):
    """Einstein's sum with explicit subscripts, "ij,jk->ik"."""
    return np.einsum(subscripts, *operands, optimize=optimize)


einsum.flops = _einsum_flops
einsum.defvjp_each(_einsum_vjp)


@implements(np.einsum)
def _einsum(subscripts, *operands, optimize=False):
    if not isinstance(subscripts, str):
        raise NotImplementedError("np.einsum: tensors need the subscripts as a string")
    subscripts = _explicit(subscripts.replace(" ", ""), operands)
    return einsum(*operands, subscripts=subscripts, optimize=optimize)


def _explicit(subscripts, arrays):
    """Subscripts with the output written out, and letters in place of an ellipsis."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(
            f"np.einsum: {subscripts!r} has {len(terms)} terms, {len(arrays)} operands came"
        )
    unused = [c for c in string.ascii_letters if c not in inputs]
    hidden = [
        np.ndim(x) - len(term) + 3 if "..." in term else 0
        for term, x in zip(terms, arrays, strict=True)
    ]
    batch = "".join(unused[: max(hidden)])
    terms = [
        term.replace("...", batch[len(batch) - n :]) for term, n in zip(terms, hidden, strict=True)
    ]
    if arrow:
        output = output.replace("...", batch)
    else:
        letters = "".join(terms)
        output = batch + "".join(
            c for c in sorted(set(letters)) if letters.count(c) == 1 and c not in batch
        )
    return ",".join(terms) + "->" + output


@implements(np.vdot)
def _vdot(a, b):
    return np.dot(np.ravel(np.conjugate(a)), np.ravel(b))


@implements(np.inner)
def _inner(a, b):
    return np.dot(a, b if np.ndim(b) < 2 else _transposed(b))


@implements(np.outer)
def _outer(a, b):
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


@implements(np.kron)
def _kron(a, b):
    n = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)) for x in (a, b))
    product = np.expand_dims(a, tuple(range(1, 2 * n, 2)))
    product = product * np.expand_dims(b, tuple(range(0, 2 * n, 2)))
    return np.reshape(product, np.multiply(np.shape(a), np.shape(b)).tolist())


@implements(np.cross)
def _cross(a, b, axis=-1):
    if np.shape(a)[axis] != 3 or np.shape(b)[axis] != 3:
        raise ValueError(f"np.cross: vectors must have length 3 ({np.shape(a)} and {np.shape(b)})")
    # Component i is a_{i+1} b_{i+2} - a_{i+2} b_{i+1}.
    return np.roll(a, -1, axis) * np.roll(b, -2, axis) - np.roll(a, -2, axis) * np.roll(b, -1, axis)


@implements(np.tensordot)
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


# numpy.linalg


def _inv_vjp(g, y, x):
    """From X Y = 1: dY = -Y dX Y, so the cotangent of X is -Yᵀ G Yᵀ."""
    return -np.matmul(np.matmul(_transposed(y), g), _transposed(y))


def _solve_vjp_right(g, x, a, b):
    """A⁻ᵀ G, from X = A⁻¹ B."""
    if np.ndim(b) == 1:
        return np.linalg.solve(_transposed(a), g[..., None])[..., 0]
    return np.linalg.solve(_transposed(a), g)


def _solve_vjp_matrix(g, x, a, b):
    """From A X = B: A dX = dB - dA X, so minus the cotangent of B, times Xᵀ."""
    gb = _solve_vjp_right(g, x, a, b)
    if np.ndim(b) == 1:
        return -gb[..., :, None] * x[..., None, :]
    return -np.matmul(gb, _transposed(x))


primitive(np.linalg.inv).defvjp(_inv_vjp)
primitive(np.linalg.solve).defvjp(_solve_vjp_matrix, _solve_vjp_right)


def _det_vjp(g, y, x):
    """d det X = det X · tr(X⁻¹ dX), so the cotangent is g · det X · X⁻ᵀ; X must have an inverse."""
    return (g * y)[..., None, None] * _transposed(np.linalg.inv(x))


def _slogdet_vjp(g, y, x):
    """d log |det X| is the real part of tr(X⁻¹ dX); the sign turns with the imaginary part."""
    g_log = g[1]
    if x.dtype.kind == "c":
        g_log = g_log - 1j * np.real(1j * g[0] * y[0])
    return g_log[..., None, None] * _transposed(np.linalg.inv(x))


def _cholesky_vjp(g, y, x):
    """From L Lᴴ = A: with P the lower half of Lᵀ G, its diagonal halved, A's cotangent is
    L⁻ᵀ P (L⁻¹)*, made Hermitian (Murray, "Differentiation of the Cholesky decomposition", 2016).
    """
    product = np.matmul(_transposed(y), g)
    half = (np.tril(product) + np.tril(product, -1)) / 2
    left = _transposed(np.linalg.solve(np.conjugate(_transposed(y)), _transposed(half)))
    whole = np.linalg.solve(_transposed(y), left)
    return (whole + np.conjugate(_transposed(whole))) / 2


def _norm_vjp(g, y, x, ord=None, axis=None, keepdims=False):
    """With y = (Σ |x|ᵖ)^(1/p): g · sign x · (|x| / y)ᵖ⁻¹, which is g · x / y for p = 2.

    The norm has a kink at x = 0; the gradient there is taken as 0.
    """
    if ord in (None, 2, "fro"):
        g, y = _expand(g, x, axis, keepdims), _expand(y, x, axis, keepdims)
        return g * np.conjugate(x) / np.where(np.equal(y, 0), 1, y)
    size = np.abs(x)
    direction = np.conjugate(x) / np.where(np.equal(size, 0), 1, size)
    if ord in (np.inf, -np.inf):
        return direction * _extremum_vjp(g, y, size, axis, keepdims=keepdims)
    g, y = _expand(g, x, axis, keepdims), _expand(y, x, axis, keepdims)
    return g * direction * (size / np.where(np.equal(y, 0), 1, y)) ** (ord - 1)


primitive(np.linalg.det).defvjp(_det_vjp)
primitive(np.linalg.slogdet).defvjp(_slogdet_vjp)
primitive(np.linalg.cholesky).defvjp(_cholesky_vjp)
norm = primitive(np.linalg.norm)
norm.defvjp(_norm_vjp)


@implements(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    matrix = (x.ndim if axis is None else np.size(axis)) == 2
    if ord == 0 or (matrix and ord not in (None, "fro")):
        raise NotImplementedError(
            f"np.linalg.norm: ord={ord!r} of a {'matrix' if matrix else 'vector'} has no rule"
        )
    return norm(x, ord=ord, axis=axis, keepdims=keepdims)

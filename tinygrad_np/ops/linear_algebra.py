"""Products and decompositions of vectors, matrices and stacks of matrices.

The rule behind most of them: for Y = A B, dY = dA B + A dB. The final scalar changes by
sum(G * dY) = sum((G Bᵀ) * dA) + sum((Aᵀ G) * dB), so the cotangents are G Bᵀ and Aᵀ G.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.primitive import implements, primitive
from .indexing import at_add


def _product_flops(output, x, y, *rest, **kwargs):
    return 2 * np.size(output) * np.shape(x)[-1]


def _matmul_vjp_left(g, z, x, y):
    """G Bᵀ; vectors count as a matrix with one row or column."""
    if y.ndim == 1:
        return g[..., None] * y
    if x.ndim == 1:
        return np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, np.swapaxes(y, -1, -2))


def _matmul_vjp_right(g, z, x, y):
    """Aᵀ G; vectors count as a matrix with one row or column."""
    if x.ndim == 1:
        return x * g if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim == 1:
        return np.matmul(np.swapaxes(x, -1, -2), g[..., None])[..., 0]
    return np.matmul(np.swapaxes(x, -1, -2), g)


primitive(np.matmul, flops=_product_flops).defvjp(_matmul_vjp_left, _matmul_vjp_right)


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
    if np.ndim(x) < 1 or np.ndim(kernel) != 2 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"dense: kernel (in, out) must match the last axis of x "
            f"(x {np.shape(x)}, kernel {np.shape(kernel)})"
        )
    y = x @ kernel
    if bias is None:
        return y
    if np.shape(bias) != kernel.shape[1:]:
        raise ValueError(
            f"dense: bias must have shape {kernel.shape[1:]}, it has {np.shape(bias)} "
            f"(kernel {kernel.shape})"
        )
    return np.add(y, bias, out=y) if y.dtype == np.result_type(y, bias) else y + bias


dense.flops = _product_flops
dense.defvjp(
    lambda g, y, x, kernel, bias=None: np.matmul(g, kernel.T),
    lambda g, y, x, kernel, bias=None: np.matmul(
        np.reshape(x, (-1, kernel.shape[0])).T, np.reshape(g, (-1, kernel.shape[1]))
    ),
    lambda g, y, x, kernel, bias: g,
)


def _einsum_vjp(i, g, y, *operands, subscripts):
    """The same product with g in the place of operand i, and operand i's axes as the output's.

    An axis that stands in no other term was summed out of operand i alone: its cotangent repeats
    along that axis. One that stands in it twice picked a diagonal: its cotangent fills one.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    wanted = terms[i]
    others = [term for j, term in enumerate(terms) if j != i]
    distinct = "".join(dict.fromkeys(wanted))
    known = "".join(c for c in distinct if c in output or any(c in term for term in others))
    rest = [operand for j, operand in enumerate(operands) if j != i]
    cotangent = np.einsum(f"{','.join([output, *others])}->{known}", g, *rest)
    sizes = dict(zip(wanted, operands[i].shape, strict=True))
    cotangent = np.reshape(cotangent, [sizes[c] if c in known else 1 for c in distinct])
    cotangent = np.broadcast_to(cotangent, [sizes[c] for c in distinct])
    if distinct == wanted:
        return cotangent
    places = np.ogrid[tuple(slice(sizes[c]) for c in distinct)]
    index = tuple(places[distinct.index(c)] for c in wanted)
    return at_add(np.zeros(operands[i].shape, g.dtype), index, cotangent)


def _einsum_flops(output, *operands, subscripts):
    inputs = subscripts.split("->")[0].split(",")
    sizes = {
        c: n
        for term, x in zip(inputs, operands, strict=True)
        for c, n in zip(term, x.shape, strict=True)
    }
    return len(operands) * math.prod(sizes.values())


@primitive
def einsum(*operands, subscripts):
    """Einstein's sum with explicit subscripts, "ij,jk->ik"."""
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


einsum.flops = _einsum_flops
einsum.defvjp_each(_einsum_vjp)


@implements(np.einsum)
def _einsum(*operands, out=None, optimize=False, **kwargs):
    if not isinstance(operands[0], str):
        raise NotImplementedError("np.einsum: tensors need the subscripts as a string")
    subscripts, *arrays = operands
    return einsum(*arrays, subscripts=_explicit(subscripts.replace(" ", ""), arrays))


def _explicit(subscripts, arrays):
    """Subscripts with the output written out, and letters in place of an ellipsis."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"np.einsum: {subscripts!r} names {len(terms)}, {len(arrays)} came")
    unused = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in inputs]
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


@implements(np.dot)
def _dot(a, b, out=None):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=((-1,), (-2,)))


@implements(np.vdot)
def _vdot(a, b):
    return np.matmul(np.ravel(np.conjugate(a)), np.ravel(b))


@implements(np.inner)
def _inner(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=((-1,), (-1,)))


@implements(np.outer)
def _outer(a, b, out=None):
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


@implements(np.tensordot)
def _tensordot(a, b, axes=2):
    if np.ndim(axes) == 0:
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    a_axes, b_axes = ([int(i) % np.ndim(x) for i in np.ravel(ax)] for ax, x in zip(axes, (a, b), strict=True))
    a_kept = [i for i in range(np.ndim(a)) if i not in a_axes]
    b_kept = [i for i in range(np.ndim(b)) if i not in b_axes]
    inner = math.prod(np.shape(a)[i] for i in a_axes)
    if [np.shape(a)[i] for i in a_axes] != [np.shape(b)[i] for i in b_axes]:
        raise ValueError(f"np.tensordot: axes {axes} of {np.shape(a)} and {np.shape(b)} differ")
    left = np.reshape(np.transpose(a, a_kept + a_axes), (-1, inner))
    right = np.reshape(np.transpose(b, b_axes + b_kept), (inner, -1))
    shape = [np.shape(a)[i] for i in a_kept] + [np.shape(b)[i] for i in b_kept]
    return np.reshape(np.matmul(left, right), shape)


# numpy.linalg


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def _inv_vjp(g, y, x):
    """From X Y = 1: dY = -Y dX Y, so the cotangent of X is -Yᵀ G Yᵀ."""
    return -np.matmul(np.matmul(_transposed(y), g), _transposed(y))


def _solve_vjp_matrix(g, x, a, b):
    """From A X = B: A dX = dB - dA X, so B's cotangent is A⁻ᵀ G, and A's is minus that times Xᵀ."""
    gb = np.linalg.solve(_transposed(a), g)
    return -(gb[:, None] * x if b.ndim == 1 else np.matmul(gb, _transposed(x)))


primitive(np.linalg.inv).defvjp(_inv_vjp)
primitive(np.linalg.solve).defvjp(
    _solve_vjp_matrix, lambda g, x, a, b: np.linalg.solve(_transposed(a), g)
)
# d det X = det X · tr(X⁻¹ dX), so the cotangent is g · det X · X⁻ᵀ; and log |det X| likewise.
primitive(np.linalg.det).defvjp(
    lambda g, y, x: (g * y)[..., None, None] * _transposed(np.linalg.inv(x))
)
primitive(np.linalg.slogdet).defvjp(
    lambda g, y, x: g[1][..., None, None] * _transposed(np.linalg.inv(x))
)


def _cholesky_vjp(g, y, x):
    """From L Lᵀ = A: with P = the lower half of Lᵀ G (diagonal halved), A's is L⁻ᵀ P L⁻¹, made
    symmetric (Murray, "Differentiation of the Cholesky decomposition", 2016).
    """
    half = np.tril(np.ones(x.shape[-2:])) - 0.5 * np.eye(x.shape[-1])
    middle = np.matmul(_transposed(y), g) * half
    left = np.linalg.solve(_transposed(y), middle)
    whole = _transposed(np.linalg.solve(_transposed(y), _transposed(left)))
    return (whole + _transposed(whole)) / 2


primitive(np.linalg.cholesky).defvjp(_cholesky_vjp)


@implements(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    """The norms that are sums: of vectors for any finite order, of matrices Frobenius's."""
    if axis is None and ord is not None and x.ndim > 1:
        axis = tuple(range(x.ndim))
    matrix = isinstance(axis, tuple) and len(axis) == 2
    if ord is None or ord == "fro" or (ord == 2 and not matrix):
        squares = np.sum(np.square(np.abs(x)), axis=axis, keepdims=keepdims)
        # The norm has a kink at 0; 0 is the subgradient of least length, and no NaN.
        return np.where(squares == 0, 0, np.sqrt(np.where(squares == 0, 1, squares)))
    if matrix or not isinstance(ord, (int, float)):
        raise NotImplementedError(f"np.linalg.norm: ord={ord!r} of a matrix has no rule")
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=keepdims)
    return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)



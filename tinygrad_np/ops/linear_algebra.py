"""Inverses, determinants, equations and least squares, of matrices and stacks of matrices.

Holomorphic functions (inv, solve, det) have the rule of their real counterparts. Where a conjugate
enters, the rule is derived as papers write it, with Ȳ such that the scalar changes by
Re tr(Ȳᴴ dY); `textbook` translates from and to this library's cotangents, which are Ȳ*.

Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008) derives most of the rules for real matrices.
"""

from __future__ import annotations

import functools

import numpy as np

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor
from ..transforms.gradients import vjp
from .products import _transposed


def _conjugated(x):
    return np.conjugate(x) if x.dtype.kind == "c" else x


def _adjoint(x):
    return _conjugated(_transposed(x))


def unused(part):
    """Whether this cotangent of one of several outputs is the walk's 0 for what was never used."""
    return type(part) is np.ndarray and not any(part.strides) and not part.any()


def textbook(rule):
    """A VJP from a rule for Ȳ with dL = Re tr(Ȳᴴ dY): the conjugate of the tape's cotangents."""

    @functools.wraps(rule)
    def translated(g, *args, **kwargs):
        if isinstance(g, tuple):
            bar = tuple(part if unused(part) else _conjugated(part) for part in g)
        else:
            bar = _conjugated(g)
        return _conjugated(rule(bar, *args, **kwargs))

    return translated


# Inverses


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


@implements(np.linalg.tensorinv)
def _tensorinv(a, ind=2):
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind must be positive, it is {ind}")
    shape = np.shape(a)
    rows = int(np.prod(shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), shape[ind:] + shape[:ind])


@implements(np.linalg.tensorsolve)
def _tensorsolve(a, b, axes=None):
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = np.shape(a)[np.ndim(b) :]
    matrix = np.reshape(a, (-1, int(np.prod(shape))))
    return np.reshape(np.linalg.solve(matrix, np.ravel(b)), shape)


# Determinants


def _det_vjp(g, y, x):
    """d det X = det X · tr(X⁻¹ dX), so the cotangent is g · det X · X⁻ᵀ.

    det is a polynomial and has derivatives of every order where X has no inverse too. There, and
    near there, they are those of another expression for it, `_det_by_parts`.
    """
    ill = x.size and np.linalg.cond(plain(x), 1) * _small(x) >= x.shape[-1]
    if not np.any(ill):
        return (g * y)[..., None, None] * _transposed(np.linalg.inv(x))
    if x.ndim == 2:
        return vjp(_det_by_parts, x)[1](g)[0]
    each = zip(np.ravel(g), np.ravel(y), np.reshape(x, (-1, *x.shape[-2:])), strict=True)
    return np.reshape(np.stack([_det_vjp(*matrix) for matrix in each]), x.shape)


def _small(x):
    """The share of the largest singular value under which one is small.

    Dividing by it costs X⁻¹ the digits of its reciprocal, and each derivative of X⁻¹ as many again.
    """
    return np.finfo(x.dtype).eps ** 0.25


def _det_by_parts(x):
    """det X without dividing by its small singular values.

    With the singular vectors U and V of X, held fixed, Uᴴ X V = [A B; C D] is (almost) diagonal,
    with the large singular values in A and the small ones in D. Then det X is
    det U · det Vᴴ · det A · det(D - C A⁻¹ B).
    """
    u, s, vh = np.linalg.svd(plain(x))
    r = np.count_nonzero(s > _small(x) * s[0])
    turned = _adjoint(u) @ x @ _adjoint(vh)
    a, b, c, d = turned[:r, :r], turned[:r, r:], turned[r:, :r], turned[r:, r:]
    det = np.linalg.det(u) * np.linalg.det(vh) * np.linalg.det(a)
    return det * _det_by_products(d - c @ np.linalg.solve(a, b))


def _det_by_products(x):
    """det X as sums of products alone, without cancellation where X is diagonal and positive.

    Berkowitz, "On computing the determinant in small parallel time using a small number of
    processors" (1984): the coefficients of det(λ - X), for one more row and column of X at a time.
    A row r, column c and corner x beside M multiply the polynomial by λ - x - r c/λ - r M c/λ² - ….
    """
    polynomial = np.ones(1, x.dtype)
    for k in range(len(x)):
        row, column = x[k, :k], x[:k, k]
        series = [x.dtype.type(1), -x[k, k]]
        for _ in range(k):
            series.append(-(row @ column))
            column = x[:k, :k] @ column
        shift = np.subtract.outer(np.arange(k + 2), np.arange(k + 1))
        polynomial = np.where(shift >= 0, np.stack(series)[shift], 0) @ polynomial
    return (-1) ** len(x) * polynomial[-1]


def _slogdet_vjp(g, y, x):
    """d log |det X| is the real part of tr(X⁻¹ dX); the sign turns with the imaginary part.

    The logarithm has no derivative where X has no inverse: there np.linalg.inv raises LinAlgError.
    """
    g_log = g[1]
    if x.dtype.kind == "c":
        g_log = g_log - 1j * np.real(1j * g[0] * y[0])
    return g_log[..., None, None] * _transposed(np.linalg.inv(x))


primitive(np.linalg.det).defvjp(_det_vjp)
primitive(np.linalg.slogdet).defvjp(_slogdet_vjp)


# Pseudoinverses


def from_triangle(x):
    """The Hermitian matrix that LAPACK sees: it reads the lower triangle, and a real diagonal.

    That triangle's cotangent is `to_triangle` of the whole matrix's.
    """
    half = np.tril(x, -1)
    return half + _adjoint(half) + np.real(np.where(np.eye(x.shape[-1], dtype=bool), x, 0))


def to_triangle(bar, upper=False):
    """X̄ of the triangle that is read, from Ā of the Hermitian matrix: Ā + Āᴴ, half its diagonal.

    For A_ij = x_ij and A_ji = x_ij* below the diagonal, Re tr(Āᴴ dA) holds dx_ij twice; on the
    diagonal it holds Re dx_ii once.
    """
    both = bar + _adjoint(bar)
    if upper:
        return (np.triu(both) + np.triu(both, 1)) / 2
    return (np.tril(both) + np.tril(both, -1)) / 2


def _triple(x, y, z):
    """X Y Z, bracketed so that the product of two of them is small."""
    if x.shape[-2] > x.shape[-1]:
        return np.matmul(x, np.matmul(y, z))
    return np.matmul(np.matmul(x, y), z)


@textbook
def _pinv_vjp(bar, p, a, rcond=None, hermitian=False, *, rtol=None):
    """Golub and Pereyra (1973): where the rank does not change,

    dP = -P dA P + P Pᴴ dAᴴ (1 - A P) + (1 - P A) dAᴴ Pᴴ P, and so
    Ā = -Pᴴ P̄ Pᴴ + (1 - A P) P̄ᴴ P Pᴴ + Pᴴ P P̄ᴴ (1 - P A).

    Elsewhere the pseudoinverse jumps. Singular values under the cutoff count as zero throughout.
    """
    if hermitian:
        a = from_triangle(a)
    ph, bh = _adjoint(p), _adjoint(bar)
    rows, columns = _triple(bh, p, ph), _triple(ph, p, bh)
    whole = rows - _triple(a, p, rows) + columns - _triple(columns, p, a) - _triple(ph, bar, ph)
    return to_triangle(whole) if hermitian else whole


primitive(np.linalg.pinv).defvjp(_pinv_vjp)


@primitive
def lstsq(a, b, rcond=None):
    """The least-squares solution X = A⁺ B, the squared residuals, the rank and singular values.

    With the pseudoinverse P: B̄ = Pᵀ G, and the cotangent of P is G Bᵀ. Of a column, the residual
    r = b - A x has the square d|r|² = 2 Re(rᴴ (db - dA x)), since Aᴴ r = 0.
    """
    return np.linalg.lstsq(a, b, rcond)


def _lstsq_columns(g, output, a, b, rcond):
    """G, X, B as matrices, the pseudoinverse with lstsq's cutoff, and the cotangent of r."""
    g_x, g_squares, x = g[0], g[1], output[0]
    if np.ndim(b) == 1:
        g_x, x, b = g_x[:, None], x[:, None], b[:, None]
    eps = np.finfo(np.result_type(a.dtype, b.dtype)).eps
    cutoff = max(a.shape) * eps if rcond is None else eps if rcond < 0 else rcond
    p = np.linalg.pinv(a, cutoff)
    g_r = 2 * g_squares * _conjugated(b - np.matmul(a, x)) if g_squares.size else None
    return g_x, x, b, p, g_r


def _lstsq_vjp_matrix(g, output, a, b, rcond=None):
    g_x, x, b, p, g_r = _lstsq_columns(g, output, a, b, rcond)
    g_a = _pinv_vjp(np.matmul(g_x, b.T), p, a)
    if g_r is not None:
        g_a = g_a - np.matmul(g_r, x.T)
    return g_a + vjp(np.linalg.svdvals, a)[1](g[3])[0]


def _lstsq_vjp_right(g, output, a, b, rcond=None):
    g_x, _, _, p, g_r = _lstsq_columns(g, output, a, b, rcond)
    g_b = np.matmul(p.T, g_x)
    return np.reshape(g_b if g_r is None else g_b + g_r, b.shape)


lstsq.defvjp(_lstsq_vjp_matrix, _lstsq_vjp_right)


@implements(np.linalg.lstsq)
def _lstsq(a, b, rcond=None):
    a, b = (x if isinstance(x, Tensor) else np.asarray(x) for x in (a, b))
    x, squares, rank, s = lstsq(a, b, rcond=rcond)
    return x, squares, rank[()], s


# Of stacks of matrices, the last two axes


@implements(np.linalg.trace)
def _trace(x, /, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)


@implements(np.linalg.diagonal)
def _diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@implements(np.linalg.matrix_transpose)
def _matrix_transpose(x, /):
    return np.matrix_transpose(x)

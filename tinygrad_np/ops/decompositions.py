"""Factorizations: Cholesky, QR, eigenvalues and singular values, with their vectors.

The rules are derived for Ȳ with dL = Re tr(Ȳᴴ dY), as in `linear_algebra`. ∘ is the elementwise
product, and Φ takes the lower triangle with half the diagonal.

A decomposition leaves some choices open: the phases of complex singular vectors and of eigenvectors
of Hermitian matrices, and the basis of a complement. They are taken as fixed, and a function that
depends on them is refused.

Equal eigenvalues (or singular values) leave open any basis of their space. There 1/(λ_j - λ_i) is
taken as 0, and a difference within the rounding error of the eigenvalues as none. So functions of
the eigenvalues, or of that space as a whole (the projection on it), have their gradient.

What is lost is how eigenvalues that are equal would part. It counts for V f(Λ) Vᴴ, and no rule can
tell it from the cotangents of V and Λ: between equal eigenvalues the gradient is made with f'(λ),
but V̄ holds f(λ), and Λ̄ only what is on the diagonal. So where a scalar depends on equal
eigenvalues and on their vectors, the gradient is NaN, and a RuntimeWarning names the pair.

It counts for second derivatives, too. Those of functions of the eigenvalues alone are right: V
diag(λ̄) Vᴴ changes by (λ̄_j - λ̄_i)/(λ_j - λ_i) between eigenvectors i and j, which for equal ones is
∂λ̄_i/∂λ_i - ∂λ̄_i/∂λ_j if the function is symmetric in them, and the tape of λ̄ tells that.
"""

from __future__ import annotations

import functools

import numpy as np

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor
from .kinks import marked, reaches, undefined, varies, walk_from
from .linear_algebra import _adjoint, _conjugated, textbook, to_triangle, unused


def _reciprocal(x, largest, n):
    """1/x, and 0 where x is but the rounding error of singular values or eigenvalues."""
    error = n * np.finfo(x.dtype).eps * plain(largest)
    vanishes = np.abs(plain(x)) <= error
    return np.where(vanishes, 0, 1 / np.where(vanishes, 1, x))


def _differences(values):
    """λ_j - λ_i"""
    return values[..., None, :] - values[..., :, None]


def _largest(values):
    """max |λ|, with axes of length 1 for the rows and columns of a matrix."""
    return np.max(np.abs(plain(values)), -1, keepdims=True, initial=0)[..., None]


def _equal(values, n=None):
    """Which pairs are equal but for rounding: for each two of the values, without themselves."""
    values, n = plain(values), n or values.shape[-1]
    error = n * np.finfo(values.dtype).eps * _largest(values)
    return (np.abs(_differences(values)) <= error) & ~np.eye(values.shape[-1], dtype=bool)


def _zero(s, n):
    """Which singular values are 0 but for rounding."""
    return plain(s) <= n * np.finfo(s.dtype).eps * _largest(s)[..., 0]


def _equal_or_zero(s, n):
    """The pairs of `_equal`, and on the diagonal which singular values are 0."""
    return _equal(s, n) | (_zero(s, n)[..., None] & np.eye(s.shape[-1], dtype=bool))


def _untold(inner, name, values, pairs, bar, *vector_bars):
    """NaN, and a warning, for pairs of equal values that are used as well as their vectors; else 0.

    Those whose cotangents are 0, and do not vary, are not used.
    """
    if unused(bar) or not pairs.any():
        return 0
    shared = np.any(pairs, -1)
    used = np.not_equal(plain(bar), 0) | varies(bar, values, shared)
    for vectors in vector_bars:
        used = used | np.any(np.not_equal(plain(vectors), 0), -2)
        used = used | varies(vectors, values, shared[..., None, :])
    pairs = pairs & (used[..., None, :] | used[..., :, None])
    what = "the derivative of what is made of them and of their vectors can't be told"
    return undefined(inner, where=pairs, warning=_naming(name, what), always=True)


def _naming(name, what):
    """A warning of a pair of values; a singular value paired with itself is 0."""

    def warning(*index):
        *matrix, i, j = index
        of = f" of matrix {matrix}" if matrix else ""
        values = "singular value" if name.startswith("svd") else "eigenvalue"
        which = f"{values}s {i} and {j}{of} are equal" if i != j else f"{values} {i}{of} is 0"
        return f"np.linalg.{name}: {which}; {what}"

    return warning


def _parted(name, whole, bar, values, x, pairs, between=None):
    """The VJP of a function of the values alone, to be differentiated where some are equal.

    Args:
        name: of the function, for the warning.
        whole: the VJP, made with vectors that are fixed between equal values.
        bar, values, x: the cotangent of the values, they, and the matrices.
        pairs: which values are equal; and, on the diagonal, which singular values are 0.
        between: between(f, Ȳ) is what the derivative of `whole` lacks for its cotangent Ȳ; f is
            (s̄_j - s̄_i) / (s_j - s_i) for these pairs, and ∂s̄_i/∂s_i on the diagonal. Without it,
            f must be 0.
    """
    if type(values) is not Tensor or not pairs.any():
        return whole
    if not (reaches(bar, values) or np.any(pairs & _apart(plain(bar)))):
        return whole

    divided = functools.partial(_divided, bar, values, pairs, between is None)
    once = functools.cache(lambda: divided(recorded=False))
    warning = _naming(name, "the second derivative of what is made of them can't be told")

    def second(i, v):
        f, unknown = divided(recorded=True) if type(v) is Tensor else once()
        total = np.sum(v, (-2, -1), keepdims=True) * np.ones(pairs.shape)  # anything made of v
        nowhere = np.sum(undefined(total, where=unknown, warning=warning, always=True), (-2, -1))
        nowhere = np.broadcast_to(nowhere[..., None, None], v.shape)
        return nowhere if between is None else nowhere + _conjugated(between(f, _conjugated(v)))

    further = functools.partial(
        undefined,
        where=np.broadcast_to(np.any(pairs, (-2, -1), keepdims=True), x.shape),
        warning=f"np.linalg.{name} has no third derivative where values are equal",
        always=True,
    )
    return marked(whole, x, second=second, further=lambda i, v: further(v))


def _apart(parts, scale=0.0):
    """Which pairs differ by more than rounding."""
    rounding = np.sqrt(np.finfo(parts.dtype).eps) * np.maximum(_largest(parts), scale)
    return ~(np.abs(_differences(parts)) <= rounding)


def _divided(bar, values, pairs, must_vanish, recorded):
    """The limits of (s̄_j - s̄_i) / (s_j - s_i) for these pairs, and ∂s̄_i/∂s_i on the diagonal.

    A function that is symmetric in equal values has one ∂s̄_i/∂s_i for all of them, and one
    ∂s̄_i/∂s_j for all pairs; the limit is their difference. Weights that add up to 0 give it. At
    singular values that are 0 it must be even in each, so that ∂s̄_i/∂s_j is 0. Also returns for
    which pairs that does not fit.
    """
    n = pairs.shape[-1]
    zero, others = _diagonal(pairs), np.sum(pairs & ~np.eye(n, dtype=bool), -1)
    first = np.argmax(pairs | np.eye(n, dtype=bool), -1) == np.arange(n)
    weights = np.where(zero, np.linspace(1, 2, n), np.where(first, -others, np.minimum(others, 1)))
    weights = weights.astype(bar.dtype)
    slopes, varied = walk_from(bar, values, weights, recorded)
    slopes = slopes / np.where(weights == 0, 1, weights)
    kink = np.abs(plain(bar)) > 2 * np.abs(plain(slopes) * plain(values))
    size = _largest(values)
    scale = _largest(bar) / np.where(size == 0, 1, size)  # of such quotients
    unknown = _apart(plain(slopes), scale) | _apart(plain(bar)) | (zero & kink)[..., None] | varied
    if must_vanish:
        unknown |= np.not_equal(plain(slopes), 0)[..., None]
    unknown = pairs & unknown
    f = np.where(pairs & ~unknown, np.broadcast_to(slopes[..., None], pairs.shape), 0)
    return f, unknown


def _with_diagonal(matrix, diagonal):
    return matrix + diagonal[..., None, :] * np.eye(diagonal.shape[-1], dtype=diagonal.dtype)


def _diagonal(matrix):
    return np.diagonal(plain(matrix), 0, -2, -1)


def _lower_half(x):
    """Φ(x)"""
    return (np.tril(x) + np.tril(x, -1)) / 2


def _refuse(dependence, bar, choice):
    """Raise if the scalar depends, by more than rounding, on what a decomposition leaves open."""
    rounding = np.sqrt(np.finfo(bar.dtype).eps) * np.max(np.abs(plain(bar)), initial=0)
    if np.any(np.abs(plain(dependence)) > rounding):
        raise NotImplementedError(
            f"np.linalg: a function that depends on {choice} has no derivative, because "
            f"that is arbitrary; if several calls cancel it, use the results of one call"
        )


# Cholesky


@textbook
def _cholesky_vjp(bar, y, x, upper=False):
    """From L Lᴴ = A: L⁻¹ dA L⁻ᴴ = L⁻¹ dL + (L⁻¹ dL)ᴴ, of which the first is lower triangular.

    So dL = L Φ(L⁻¹ dA L⁻ᴴ) and Ā = L⁻ᴴ Φ(Lᴴ L̄) L⁻¹ (Murray, "Differentiation of the Cholesky
    decomposition", 2016). Its gradient, too, lies in the one triangle that NumPy reads of A.
    """
    factor = _adjoint(y) if upper else y
    bar = _adjoint(bar) if upper else bar
    half = _lower_half(np.matmul(_adjoint(factor), bar))
    left = np.linalg.solve(_adjoint(factor), half)
    return to_triangle(np.linalg.solve(_adjoint(factor), _adjoint(left)), upper)


primitive(np.linalg.cholesky).defvjp(_cholesky_vjp)


# QR


def _without_complement(bar, q, k):
    """Q̄ for the first k columns of Q alone, with what the others' Q̄ adds to it.

    The columns Q₂ of the complement stay orthogonal to Q₁: dQ₂ = -Q₁ dQ₁ᴴ Q₂ + Q₂ Ω, so they add
    -Q₂ Q̄₂ᴴ Q₁. The antihermitian Ω turns them among themselves: it is NumPy's choice, and a
    function that depends on it, for which Q̄₂ᴴ Q₂ is not Hermitian, has no derivative.
    """
    if q.shape[-1] == k:
        return bar
    first, rest, bar_rest = q[..., :k], q[..., k:], bar[..., k:]
    if rest.shape[-1] > 1:
        turns = np.matmul(_adjoint(bar_rest), rest)
        _refuse(turns - _adjoint(turns), bar, f"the basis that completes {k} orthogonal columns")
    return bar[..., :k] - np.matmul(rest, np.matmul(_adjoint(bar_rest), first))


@textbook
def _qr_vjp(bar, output, x, mode="reduced"):
    """From dA = dQ R + Q dR, where Qᴴ dQ is antihermitian and dR R⁻¹ upper triangular, for m ≥ n:

    M = R R̄ᴴ - Q̄ᴴ Q and Ā = (Q̄ + Q (Φ(M) + Φ(M)ᴴ)) R⁻ᴴ (Walter, Lehmann, "Algorithmic
    differentiation of linear algebra functions", 2010).

    A wide A = [X Y] has R = [U V] with X = Q U and V = Qᴴ Y: Q̄ gains Y V̄ᴴ, Ȳ = Q V̄, and X̄
    follows from Q̄ and Ū as above. The first min(m, n) columns must be independent.
    """
    n, k = x.shape[-1], min(x.shape[-2:])
    if mode == "r":
        q, r = np.linalg.qr(x)
        q_bar, r_bar = np.zeros_like(plain(q)), bar
    else:
        (q, r), (q_bar, r_bar) = output, bar
        q_bar, q = _without_complement(q_bar, q, k), q[..., :k]
        r, r_bar = r[..., :k, :], r_bar[..., :k, :]
    if n > k:
        q_bar = q_bar + np.matmul(x[..., k:], _adjoint(r_bar[..., k:]))
    u, u_bar = r[..., :k], r_bar[..., :k]
    half = _lower_half(np.matmul(u, _adjoint(u_bar)) - np.matmul(_adjoint(q_bar), q))
    left = q_bar + np.matmul(q, half + _adjoint(half))
    first = _adjoint(np.linalg.solve(u, _adjoint(left)))
    return np.concatenate([first, np.matmul(q, r_bar[..., k:])], -1) if n > k else first


qr = primitive(np.linalg.qr)
qr.defvjp(_qr_vjp)


@implements(np.linalg.qr)
def _qr(a, mode="reduced"):
    if mode not in ("reduced", "complete", "r"):
        raise NotImplementedError(f"np.linalg.qr: mode={mode!r} has no derivative rule")
    return qr(a, mode=mode)


# Eigenvalues of Hermitian matrices


@textbook
def _eigh_vjp(bar, output, x, UPLO="L"):
    """With P = Vᴴ dA V: dλ is its diagonal, and dV = V (F ∘ P), where F_ij = 1/(λ_j - λ_i).

    So Ā = V (diag λ̄ + F ∘ Vᴴ V̄) Vᴴ, of which NumPy reads one triangle (Giles, 2008).
    """
    (values, v), (values_bar, v_bar) = output, bar
    if unused(v_bar):
        return _from_eigenvalues("eigh", values_bar, values, x, UPLO, v)
    f = _reciprocal(_differences(values), _largest(values), values.shape[-1])
    inner = np.matmul(_adjoint(v), v_bar)
    _refuse(np.imag(_diagonal(inner)), v_bar, "the phases of eigenvectors")
    inner = _with_diagonal(f * inner, values_bar)
    inner = inner + _untold(inner, "eigh", values, _equal(values), values_bar, v_bar)
    return to_triangle(np.matmul(np.matmul(v, inner), _adjoint(v)), UPLO.upper() == "U")


@textbook
def _eigvalsh_vjp(bar, output, x, UPLO="L"):
    """Ā = V diag(λ̄) Vᴴ: that of eigh."""
    return _from_eigenvalues("eigvalsh", bar, output, x, UPLO)


def _from_eigenvalues(name, bar, values, x, UPLO, v=None):
    """V diag(λ̄) Vᴴ. It changes by V (F ∘ Vᴴ dA V) Vᴴ, where F_ij = (λ̄_j - λ̄_i) / (λ_j - λ_i).

    Vectors of a decomposition of its own, not used with its values, give that but for equal pairs.
    """
    if v is None or type(v) is Tensor:
        _, v = np.linalg.eigh(x, UPLO)
    upper = UPLO.upper() == "U"

    def between(f, bar):
        fixed = plain(v)
        inner = f * np.matmul(np.matmul(_adjoint(fixed), bar), fixed)
        return to_triangle(np.matmul(np.matmul(fixed, inner), _adjoint(fixed)), upper)

    whole = np.matmul(v * bar[..., None, :], _adjoint(v))
    return to_triangle(_parted(name, whole, bar, values, x, _equal(values), between), upper)


primitive(np.linalg.eigh).defvjp(_eigh_vjp)
primitive(np.linalg.eigvalsh).defvjp(_eigvalsh_vjp)


# Eigenvalues of any square matrix


@textbook
def _eig_vjp(bar, output, x):
    """With P = V⁻¹ dA V: dλ is its diagonal, and dV = U + V diag(c), where U = V (F ∘ P).

    NumPy gives each vector length 1 and makes its largest component v_k real, whence
    c = -Re(vᴴ u) - i Im(u_k) / v_k. So with s = vᴴ v̄, the cotangent of U has the columns
    v̄ - Re(s) v - i Im(s) / v_k · e_k; let W be that, then Ā = V⁻ᴴ (diag λ̄ + F* ∘ Vᴴ W) Vᴴ.
    Where eigenvectors coincide (a defective matrix) there is no derivative.
    """
    (values, v), (values_bar, v_bar) = output, bar
    if unused(v_bar):
        return _from_any_eigenvalues("eig", values_bar, values, x, v)
    f = _reciprocal(_differences(values), _largest(values), values.shape[-1])
    s = np.sum(_conjugated(v) * v_bar, -2, keepdims=True)
    w = v_bar - np.real(s) * v
    if v.dtype.kind == "c" and v.size:
        size = np.abs(plain(v))
        top = np.arange(v.shape[-1])[:, None] == np.argmax(size, -2)[..., None, :]
        w = w - np.where(top, 1j * np.imag(s) / np.where(top, np.real(v), 1), 0)
    inner = _with_diagonal(_conjugated(f) * np.matmul(_adjoint(v), w), values_bar)
    inner = inner + _untold(inner, "eig", values, _equal(values), values_bar, v_bar)
    return np.linalg.solve(_adjoint(v), np.matmul(inner, _adjoint(v)))


@textbook
def _eigvals_vjp(bar, output, x):
    """Ā = V⁻ᴴ diag(λ̄) Vᴴ: that of eig."""
    return _from_any_eigenvalues("eigvals", bar, output, x)


def _from_any_eigenvalues(name, bar, values, x, v=None):
    if v is None or type(v) is Tensor:
        _, v = np.linalg.eig(x)
    whole = np.linalg.solve(_adjoint(v), bar[..., :, None] * _adjoint(v))
    return _parted(name, whole, bar, values, x, _equal(values))


primitive(np.linalg.eig).defvjp(_eig_vjp)
primitive(np.linalg.eigvals).defvjp(_eigvals_vjp)


# Singular values


@textbook
def _svd_vjp(bar, output, x, full_matrices=True):
    """From A = U S Vᴴ with P = Uᴴ dA V: dS = Re diag P, and U and V turn by E and E',

    E = F ∘ (P S + S Pᴴ) and E' = F ∘ (S P + Pᴴ S), where F_ij = 1/(s_j² - s_i²) and F_ii = 0;
    dU = U E + (1 - U Uᴴ) dA V S⁻¹ and dV = V E' + (1 - V Vᴴ) dAᴴ U S⁻¹.

    With the antihermitian a = Uᴴ Ū - (Uᴴ Ū)ᴴ and b = Vᴴ V̄ - (Vᴴ V̄)ᴴ, the cotangent of P_ij is
    (a_ij s_j + b_ij s_i) / (s_j² - s_i²) = ½ (a + b)_ij / (s_j - s_i) + ½ (a - b)_ij / (s_j + s_i).
    The second term stays finite where singular values are equal; its diagonal, which is imaginary,
    is the cotangent of the phase between u_i and v_i. With T the sum of both and diag s̄,

    Ā = U T Vᴴ + (1 - U Uᴴ) Ū S⁻¹ Vᴴ + U S⁻¹ V̄ᴴ (1 - V Vᴴ)

    (Townsend, "Differentiating the singular value decomposition", 2016; the phase in Wan, Zhang,
    "Automatic differentiation for complex valued SVD", 2019). Singular values that are 0 have a
    kink there, like |x|, where their gradient is taken as 0, and so is 1/s.
    """
    (u, s, vh), (u_bar, s_bar, vh_bar) = output, bar
    k, n = s.shape[-1], max(x.shape[-2:])
    if unused(u_bar) and unused(vh_bar):
        return _from_singular_values("svd", s_bar, s, x, u[..., :k], vh[..., :k, :])
    v, v_bar = _adjoint(vh), _adjoint(vh_bar)
    u_bar, u = _without_complement(u_bar, u, k), u[..., :k]
    v_bar, v = _without_complement(v_bar, v, k), v[..., :k]
    largest = _largest(s)
    inverse = _reciprocal(s[..., None, :], largest, n)
    uu, vv = np.matmul(_adjoint(u), u_bar), np.matmul(_adjoint(v), v_bar)
    a, b = uu - _adjoint(uu), vv - _adjoint(vv)
    _refuse(_diagonal(a + b), np.concatenate([u_bar, v_bar], -2), "the phases of singular vectors")
    t = (a + b) * _reciprocal(_differences(s), largest, n)
    t = (t + (a - b) * _reciprocal(s[..., None, :] + s[..., :, None], largest, n)) / 2
    t = _with_diagonal(t, np.where(_zero(s, n), 0, s_bar))
    t = t + _untold(t, "svd", s, _equal_or_zero(s, n), s_bar, u_bar, v_bar)
    x_bar = np.matmul(np.matmul(u, t), _adjoint(v))
    if x.shape[-2] > k:
        outside = (u_bar - np.matmul(u, uu)) * inverse
        x_bar = x_bar + np.matmul(outside, _adjoint(v))
    if x.shape[-1] > k:
        outside = (v_bar - np.matmul(v, vv)) * inverse
        x_bar = x_bar + np.matmul(u, _adjoint(outside))
    return x_bar


@textbook
def _svdvals_vjp(bar, output, x):
    """Ā = U diag(s̄) Vᴴ: that of svd."""
    return _from_singular_values("svdvals", bar, output, x)


def _from_singular_values(name, bar, s, x, u=None, vh=None):
    """U diag(s̄) Vᴴ, where s is not 0. It changes as U and V do, but for what lies between equal s,
    as with eigenvalues for the Hermitian part of Uᴴ dA V; and but for the part of dA that U and V
    for s > 0 leave, whose factor is the limit ∂s̄/∂s of s̄ / s.
    """
    if u is None or type(u) is Tensor:
        u, _, vh = np.linalg.svd(x, full_matrices=False)
    n = max(x.shape[-2:])
    zero = _zero(s, n)

    def between(f, bar):
        left, right = plain(u), _adjoint(plain(vh))
        inner = np.matmul(np.matmul(_adjoint(left), bar), right)
        pairs = np.where(zero[..., None], 0, f / 2) * (inner + _adjoint(inner))
        lacking = np.matmul(np.matmul(left, pairs), _adjoint(right))
        if not zero.any():
            return lacking
        left, right = (np.where(zero[..., None, :], 0, vectors) for vectors in (left, right))
        rest = bar - np.matmul(left, np.matmul(_adjoint(left), bar))
        rest = rest - np.matmul(np.matmul(rest, right), _adjoint(right))
        factor = np.sum(np.diagonal(f, 0, -2, -1), -1) / np.maximum(np.sum(zero, -1), 1)
        return lacking + factor[..., None, None] * rest

    whole = np.matmul(u * np.where(zero, 0, bar)[..., None, :], vh)
    return _parted(name, whole, bar, s, x, _equal_or_zero(s, n), between)


svd = primitive(np.linalg.svd)
svd.defvjp(_svd_vjp)
primitive(np.linalg.svdvals).defvjp(_svdvals_vjp)


SVDResult = type(np.linalg.svd(np.eye(1)))  # NumPy's own is private


@implements(np.linalg.svd)
def _svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """A Hermitian matrix has the singular values |λ|, in falling order."""
    if not hermitian:
        return svd(a, full_matrices=full_matrices) if compute_uv else np.linalg.svdvals(a)
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(a))), -1)
    values, vectors = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(plain(values))), -1)
    values = np.take_along_axis(values, order, -1)
    u = np.take_along_axis(vectors, order[..., None, :], -1)
    signs = np.copysign(np.ones_like(plain(values)), plain(values))
    # so that u · s · vh has its derivative also where an eigenvalue is 0
    return SVDResult(u, values * signs, _adjoint(u * signs[..., None, :]))

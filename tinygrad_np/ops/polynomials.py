"""Polynomials given by their coefficients, the highest power first, as `np.polyval` takes them.

Their derivatives are polynomials too. An `np.poly1d` counts as its coefficients.
"""

from __future__ import annotations

import warnings

import numpy as np

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor


def _vander_vjp(g, y, x, N=None, increasing=False):
    """Column k holds xᵏ, with the derivative k xᵏ⁻¹: k times the column before it."""
    if not increasing:
        g, y = np.fliplr(g), np.fliplr(y)
    return np.sum(g[:, 1:] * np.arange(1, y.shape[1]) * y[:, :-1], axis=1)


def _roots_vjp(g, r, p):
    """From p(r) = 0: p'(r) dr + Σ_k rⁿ⁻ᵏ dp_k = 0, for every root r, which must be a simple one.

    Of a multiple root the derivative is infinite. The roots that a leading coefficient brings in
    when it moves away from 0 come from infinity, and are none of r.
    """
    coefficients = np.ravel(p)
    steps = g / np.polyval(np.polyder(coefficients), r)
    return np.reshape(-np.matmul(steps, np.vander(r, p.size)), p.shape)


primitive(np.vander).defvjp(_vander_vjp)
primitive(np.roots).defvjp(_roots_vjp)


@implements(np.polyval)
def _polyval(p, x):
    """Horner's rule: (…(p_0 x + p_1) x + …) x + p_n."""
    if isinstance(x, np.poly1d):
        raise NotImplementedError("np.polyval: x is a poly1d, which can't hold a Tensor")
    p, x = (a if isinstance(a, Tensor) else np.asarray(a) for a in (p, x))
    y = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


@implements(np.polyder)
def _polyder(p, m=1):
    """k p_k, one power lower, m times over."""
    if m < 0:
        raise ValueError(f"np.polyder: m must not be negative, it is {m}")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@implements(np.polyint)
def _polyint(p, m=1, k=None):
    """p_k / (k + 1), one power higher, and a constant k behind, m times over."""
    if m < 0:
        raise ValueError(f"np.polyint: m must not be negative, it is {m}")
    k = np.zeros(m) if k is None else np.atleast_1d(k)
    k = np.broadcast_to(k, m) if len(k) == 1 and m > 1 else k
    if len(k) < m:
        raise ValueError(f"np.polyint: k must hold 1 or {m} constants, it holds {len(k)}")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


def _aligned(a1, a2):
    """Both coefficients, with zeros before the fewer ones."""
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(len(a1), len(a2))
    return (np.concatenate([np.zeros(n - len(a), a.dtype), a]) for a in (a1, a2))


@implements(np.polyadd)
def _polyadd(a1, a2):
    return np.add(*_aligned(a1, a2))


@implements(np.polysub)
def _polysub(a1, a2):
    return np.subtract(*_aligned(a1, a2))


@implements(np.polymul)
def _polymul(a1, a2):
    """The coefficients convolved."""
    return np.convolve(*map(_without_leading_zeros, (a1, a2)))


def _without_leading_zeros(p):
    p = np.atleast_1d(p)
    return p[np.argmax(plain(p) != 0) :] if np.any(p) else p[:1]


@implements(np.polydiv)
def _polydiv(u, v):
    """Long division; the remainder loses leading coefficients that are 0, or as good as."""
    u, v = np.atleast_1d(u) + 0.0, np.atleast_1d(v) + 0.0
    steps, n = len(u) - len(v) + 1, len(v)
    scale = 1.0 / v[0]
    quotient, r = [], np.astype(u, np.result_type(u, v))
    for k in range(steps):
        quotient.append(scale * r[k])
        r = r - np.pad(quotient[k] * v, (k, len(u) - n - k))
    while len(r) > 1 and np.allclose(r[0], 0, rtol=1e-14):
        r = r[1:]
    return np.stack(quotient) if quotient else np.zeros(1, r.dtype), r


@implements(np.poly)
def _poly(seq_of_zeros):
    """Π (x - r) over the roots, or over a matrix's eigenvalues; real for pairs of roots."""
    roots = np.atleast_1d(seq_of_zeros)
    if roots.ndim == 2 and roots.shape[0] == roots.shape[1] != 0:
        roots = np.linalg.eigvals(roots)
    elif roots.ndim != 1:
        raise ValueError(f"np.poly: needs roots or a square matrix, shape {roots.shape} came")
    if not len(roots):
        return 1.0
    a = np.ones(1, roots.dtype)
    for root in roots:
        a = np.convolve(a, np.stack([np.ones_like(root), -root]))
    if roots.dtype.kind == "c" and np.array_equal(
        np.sort(plain(roots)), np.sort(plain(roots).conjugate())
    ):
        a = np.real(a)
    return a


@implements(np.polyfit)
def _polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """The least-squares problem that NumPy makes of it, with columns scaled to norm 1."""
    x, y, order = np.add(x, 0.0), np.add(y, 0.0), int(deg) + 1
    if deg < 0:
        raise ValueError(f"np.polyfit: deg must not be negative, it is {deg}")
    if x.ndim != 1 or y.ndim not in (1, 2) or not 0 < len(x) == len(y):
        raise TypeError(f"np.polyfit: x must be (n,), y (n,) or (n, k); {x.shape}, {y.shape} came")
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    columns, values = np.vander(x, order), y
    if w is not None:
        if np.shape(w) != x.shape:
            raise TypeError(f"np.polyfit: w must be shaped as x {x.shape}, it is {np.shape(w)}")
        columns = columns * np.expand_dims(w, 1)
        values = np.astype(np.transpose(np.transpose(y) * w), y.dtype)
    scale = np.sqrt(np.sum(columns * columns, axis=0))
    columns = columns / scale
    c, residuals, rank, s = np.linalg.lstsq(columns, values, rcond)
    c = np.transpose(np.transpose(c) / scale)
    if full:
        return c, residuals, rank, s, rcond
    if rank != order:
        warnings.warn("np.polyfit may be poorly conditioned", np.exceptions.RankWarning, 2)
    if not cov:
        return c
    covariance = np.linalg.inv(np.dot(columns.T, columns)) / np.outer(scale, scale)
    if cov != "unscaled":
        if len(x) <= order:
            raise ValueError(f"np.polyfit: cov needs more than {order} points, {len(x)} came")
        residuals = residuals / (len(x) - order)
        covariance = (covariance if y.ndim == 1 else covariance[..., None]) * residuals
    return c, covariance if cov != "unscaled" or y.ndim == 1 else covariance[..., None]

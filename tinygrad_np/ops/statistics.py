"""Covariance, and counts in bins."""

from __future__ import annotations

import warnings

import numpy as np

from ..core.primitive import implements, plain, primitive
from ..core.tensor import Tensor

# Covariance


@implements(np.cov)
def _cov(
    m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None
):
    """Σ_k w_k (x_k - mean) (x_k - mean)ᴴ / n, where n depends on the weights and ddof."""
    if ddof is None:
        ddof = 0 if bias else 1
    elif ddof != int(ddof):
        raise ValueError(f"np.cov: ddof must be an integer, it is {ddof}")
    if dtype is None:
        dtype = np.result_type(np.float64, *(np.asarray(plain(x)) for x in (m, y) if x is not None))
    x = _rows(m, rowvar, np.ndim(m) != 1, dtype)
    if x.shape[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        x = np.concatenate([x, _rows(y, rowvar, np.shape(np.atleast_2d(y))[0] != 1, dtype)])
    f, a = (
        None if weights is None else _weights(name, weights, x.shape[1])
        for name, weights in (("fweights", fweights), ("aweights", aweights))
    )
    w = a if f is None else f if a is None else f * a
    if w is None:
        n, mean = x.shape[1] - ddof, np.mean(x, axis=1)
    else:
        n = total = np.sum(w, dtype=np.result_type(x.dtype, w.dtype))
        mean = np.sum(x * w, axis=1) / total
        if ddof:
            n = total - (ddof if a is None else ddof * np.sum(w * a) / total)
    if n <= 0:
        warnings.warn("np.cov: degrees of freedom are not positive", RuntimeWarning, stacklevel=2)
        n = 0.0
    x = np.astype(x - mean[:, None], x.dtype)
    weighted = np.transpose(x if w is None else x * w)
    c = np.dot(x, np.conjugate(weighted) if weighted.dtype.kind == "c" else weighted)
    return np.squeeze(np.astype(c * np.true_divide(1, n), c.dtype))


def _rows(m, rowvar, has_columns, dtype):
    m = np.astype(np.atleast_2d(m), dtype)
    return m if rowvar or not has_columns else np.transpose(m)


def _weights(name, weights, n):
    if np.shape(weights) != (n,):
        raise RuntimeError(f"np.cov: {name} must be one for each of {n} samples")
    if np.any(np.less(weights, 0)):
        raise ValueError(f"np.cov: {name} must not be negative")
    if name == "fweights" and np.any(np.not_equal(weights, np.round(weights))):
        raise TypeError("np.cov: fweights must be whole numbers")
    return np.astype(np.ravel(weights), np.float64)


@implements(np.corrcoef)
def _corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """Covariances divided by both standard deviations, and held between -1 and 1."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.real(np.diag(c)))
    c = c / deviations[:, None] / deviations[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


# Counts. They jump, and are plain arrays; but they are sums of weights; and bins may reach from the
# least to the greatest of the values, so that their edges, and the densities, move with these.

# y_i = Σ w_k over all k with x_k = i
_bincount = primitive(np.bincount)
_bincount.defvjp(None, lambda g, y, x, weights, minlength=0: g[x])


@implements(np.bincount)
def _bincount_by_keyword(x, /, weights=None, minlength=0):  # NumPy < 2.4 doesn't tell its arguments
    return _bincount(x, weights, minlength)


@primitive
def weighted_counts(weights, *, samples, edges, count):
    """Σ w_k over the samples k in each bin, as `count` sums them up. Sample k gets its bin's g.

    A bin holds its lower edge; the last one, its upper edge as well.
    """
    return count(weights)


def _weighted_counts_vjp(g, y, weights, samples, edges, count):
    places, inside = [], np.ones(np.size(weights), bool)
    for sample, edge in zip(samples, edges, strict=True):
        place = np.searchsorted(edge, sample, "right") - 1 - (sample == edge[-1])
        inside &= (place >= 0) & (place < len(edge) - 1)
        places.append(np.clip(place, 0, len(edge) - 2))
    return np.reshape(np.where(inside, g[tuple(places)], 0), np.shape(weights))


@primitive
def between(low, high, *, edges):
    """Evenly spaced edges: edge k of n is (1 - t) · low + t · high, t = k / n, as NumPy rounds it.

    The VJPs are Σ g (1 - t) and Σ g t.
    """
    return edges


between.defvjp(
    lambda g, y, low, high, edges: np.sum(g * np.linspace(1, 0, len(edges))),
    lambda g, y, low, high, edges: np.sum(g * np.linspace(0, 1, len(edges))),
)
weighted_counts.defvjp(_weighted_counts_vjp)


def _edges(edges, values, bins, range):
    """The edges that NumPy found, with the derivatives they have."""
    if isinstance(bins, Tensor):
        return bins
    if np.ndim(bins) or (range is None and np.size(values) == 0):
        return edges
    return between(*((np.min(values), np.max(values)) if range is None else range), edges=edges)


def _histogram(count, samples, bins, ranges, density, weights):
    """`count(weights)` asks NumPy, on plain arrays, for the counts and the edges of every axis."""
    counts, plain_edges = count(plain(weights))
    edges = [*map(_edges, plain_edges, samples, bins, ranges)]
    if isinstance(weights, Tensor):
        counts = weighted_counts(
            weights, samples=plain(samples), edges=plain_edges, count=lambda w: count(w)[0]
        )
    if density:
        total = np.sum(counts)
        for i, edge in enumerate(edges):
            shape = [-1 if i == axis else 1 for axis in range(counts.ndim)]
            counts = counts / np.reshape(np.astype(np.diff(edge), np.float64), shape)
        counts = counts / total
    return counts, edges


@implements(np.histogram)
def _histogram_1d(a, bins=10, range=None, density=None, weights=None):
    def count(weights):
        counts, edges = np.histogram(plain(a), plain(bins), plain(range), weights=weights)
        return counts, [edges]

    counts, (edges,) = _histogram(count, [np.ravel(a)], [bins], [range], density, weights)
    return counts, edges


@implements(np.histogram2d)
def _histogram_2d(x, y, bins=10, range=None, density=None, weights=None):
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = np.histogramdd([x, y], bins, range, density, weights)
    return counts, *edges


@implements(np.histogramdd)
def _histogram_nd(sample, bins=10, range=None, density=None, weights=None):
    def count(weights):
        return np.histogramdd(plain(sample), plain(bins), plain(range), weights=weights)

    samples = [*map(np.ravel, np.transpose(sample) if hasattr(sample, "shape") else sample)]
    each = bins if hasattr(bins, "__len__") else [bins] * len(samples)
    return _histogram(count, samples, each, range or [None] * len(samples), density, weights)


@implements(np.histogram_bin_edges)
def _histogram_bin_edges(a, bins=10, range=None, weights=None):
    edges = np.histogram_bin_edges(plain(a), plain(bins), plain(range), plain(weights))
    return _edges(edges, np.ravel(a), bins, range)

"""Arrays on their way into the page: the very bytes, described so that a script can read them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from typing import Any

import numpy as np

# How to store what JavaScript has no typed array for; exact, but for extended precision.
STORED = {"f2": "f4", "f16": "f8", "c32": "c16", "b1": "u1"}


class Arrays:
    """Arrays of one frame of the page, one after the other in one blob; equal ones once.

    Args:
        limit: elements of an array that are kept; of a larger one, some rows, columns and so on.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.described: list[dict[str, Any]] = []
        self.blob = bytearray()
        self.known: dict[Any, int] = {}

    def add(self, array: Any, images: bool = False) -> int:
        """Take the array in, and return its number. `images`: its first axis is that of images."""
        array = np.asarray(array)
        kept = kept_indices(array.shape, self.limit, images)
        part = array[np.ix_(*kept)] if kept else array
        kind = array.dtype.str[1:]
        stored = STORED.get(kind, kind)
        part = np.ascontiguousarray(part, f"<{stored}")
        data = part.tobytes()
        key = (array.dtype, array.shape, hashlib.blake2b(data).digest(), images)
        if key not in self.known:
            self.known[key] = len(self.described)
            self.blob += bytes(-len(self.blob) % 8)
            description = {
                "shape": array.shape,
                "dtype": str(array.dtype),
                "stored": stored,
                "at": len(self.blob),
                **summary(array),
            }
            if kept:
                description["kept"] = [
                    None if len(places) == n else places.tolist()
                    for places, n in zip(kept, array.shape, strict=True)
                ]
            self.described.append(description)
            self.blob += data
        return self.known[key]

    def packed(self) -> str:
        """The blob, compressed, as text."""
        return base64.b64encode(gzip.compress(self.blob, 6, mtime=0)).decode()


def kept_indices(shape: tuple[int, ...], limit: int, images: bool) -> list[np.ndarray] | None:
    """For each axis the places to keep, so that at most `limit` elements are left; None for all.

    They are spread evenly along the longest axes; of images the first ones are kept instead.
    """
    if math.prod(shape) <= limit:
        return None
    counts = list(shape)
    if images:
        counts[0] = min(max(1, limit // math.prod(shape[1:])), shape[0])
    while math.prod(counts) > limit:
        longest = max(range(len(counts)), key=counts.__getitem__)
        counts[longest] = counts[longest] // 2
    return [
        np.arange(count)
        if axis == 0 and images
        else np.linspace(0, n - 1, count).round().astype(int)
        for axis, (n, count) in enumerate(zip(shape, counts, strict=True))
    ]


def summary(array: np.ndarray) -> dict[str, Any]:
    """The least and greatest finite element, the mean, and how many are not finite, or zero."""
    if array.dtype.kind == "c" or array.size == 0:
        finite = np.isfinite(array) if array.size else np.array([], bool)
        return {"bad": int(array.size - np.count_nonzero(finite))}
    values = array
    bad = 0
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not math.isfinite(low) or not math.isfinite(high):
            values = array[np.isfinite(array)]
            bad = int(array.size - values.size)
    if values.size == 0:
        return {"bad": bad}
    return {
        "bad": bad,
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": _finite(np.mean(values, dtype=np.float64)),
        "zeros": int(array.size - np.count_nonzero(array)),
    }


def _finite(number: Any) -> float | None:
    return float(number) if math.isfinite(number) else None

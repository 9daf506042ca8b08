"""Memory for large results, used again as soon as nobody looks at them any more.

A training step makes the same large arrays every time. The C library gives such memory back to
the system when it is freed, and then every step pays for a page fault in each 4 KiB of it: a fifth
of the step of the MNIST CNN. Here freed memory waits for the next array of its size instead.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections import OrderedDict, deque
from typing import Any

import numpy as np

__all__ = ["empty"]

# Smaller arrays stay within what the C library keeps for itself.
SMALLEST = 1 << 20
# Of memory that waits. Past it, what has waited longest goes back to the system.
LARGEST_WAITING = 512 << 20


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array like `np.empty(shape, dtype)`.

    >>> empty((2, 3), np.float32).shape
    (2, 3)
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(size)).view(dtype).reshape(shape)


class _Lease:
    """Owns the memory of one array and all views of it, and hands it back when the last is gone.

    NumPy keeps the object that an array's memory came from alive through `array.base`.
    """

    __slots__ = ("__array_interface__", "__weakref__", "end")

    def __init__(self, size: int) -> None:
        memory = _take(size)
        self.__array_interface__ = memory.__array_interface__
        self.end = _End(self, _handed_back.append)
        self.end.memory = memory


class _End(weakref.ref):
    """Handed back in place of the lease, by C alone: Python drops what a `__del__` raises, so that
    Ctrl-C there would be lost.
    """

    __slots__ = ("memory",)
    memory: np.ndarray


# Since the last call of `empty`, which sorts it in. The oldest goes back to the system.
_handed_back: deque[_End] = deque(maxlen=64)

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # another thread that holds it does not survive a fork
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
_waiting: OrderedDict[int, list[np.ndarray]] = OrderedDict()  # by size, least recently used first
_waiting_bytes = 0


# Below, no call lies between a change of the pieces and that of their count: Ctrl-C, which Python
# raises only after calls and where loops and functions begin, leaves the two together.


def _take(size: int) -> np.ndarray:
    global _waiting_bytes
    with _lock:
        while _handed_back:
            _keep(_handed_back.popleft().memory)
        pieces = _waiting.get(size)
        if pieces:
            _waiting_bytes -= size
            return pieces.pop()
    return np.empty(size, np.uint8)


def _keep(memory: np.ndarray) -> None:
    """Let it wait; `_lock` is held."""
    global _waiting_bytes
    pieces = _waiting.setdefault(memory.size, [])
    _waiting.move_to_end(memory.size)
    pieces += (memory,)
    _waiting_bytes += memory.size
    while _waiting_bytes > LARGEST_WAITING:
        oldest, pieces = next(iter(_waiting.items()))
        if pieces:
            _waiting_bytes -= oldest
            pieces.pop()
        if not pieces:
            del _waiting[oldest]

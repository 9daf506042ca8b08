"""Sharing a kernel's work between Python threads.

NumPy lets go of the interpreter's lock while it copies, adds and multiplies matrices, so Python
threads do run at once. Sharing whole blocks of images between them beats giving each matrix product
to all of BLAS's threads: the copies around the product are shared as well, and each thread's block
stays in its own core's cache. Meanwhile BLAS is held to one thread, else every thread would start
as many again.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..interrupts import contextmanager

__all__ = [
    "cut",
    "get_num_threads",
    "set_num_threads",
    "share",
    "share_sum",
    "single_threaded_blas",
    "workspace",
]

Block = TypeVar("Block")


def _available_cores() -> int:
    # A container or `taskset` may allow this process fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# OpenBLAS takes a C int, and threads past the number of cores gain nothing.
MOST_THREADS = 4096

_num_threads = _available_cores()
# Guards the three below. Reentrant: the garbage collector may end a context at any time.
_lock = threading.RLock()
_holders = 0  # calls of `share` that need BLAS to keep to one thread
_blas_threads: list[int] = []  # what to give back to each BLAS when the last of them is done


def get_num_threads() -> int:
    """The number of threads that the kernels use; at first, the cores this process may run on.

    >>> get_num_threads() >= 1
    True
    """
    return _num_threads


def set_num_threads(n: int) -> None:
    """Let the kernels, and the BLAS under NumPy, use `n` threads.

    Raises ValueError unless `n` is a positive int, at most 4096. `n = 1` keeps everything in the
    calling thread.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _num_threads
    if not (isinstance(n, (int, np.integer)) and 1 <= n <= MOST_THREADS) or isinstance(n, bool):
        raise ValueError(
            f"set_num_threads: n is {n!r}, expected a positive int, at most {MOST_THREADS}"
        )
    with _lock:
        _num_threads = int(n)
        counts = [_num_threads] * len(_blas())
        if _holders:
            _blas_threads[:] = counts
        else:
            _set_blas_threads(counts)


@contextmanager
def single_threaded_blas() -> Generator[None]:
    """Hold BLAS to one thread until the last of the calls that overlap in time has left.

    Small products beside shared work belong in here too: BLAS's threads, once woken, go on spinning
    for tens of milliseconds in case there is more to do, and take the cores from everyone else.

    Ctrl-C at any moment leaves the counts as they were. This rests on where CPython raises
    KeyboardInterrupt: after a call, where a function begins, and where a loop begins again.
    """
    held = False

    def leave() -> None:
        nonlocal held
        global _holders
        with _lock:
            if held:
                if _holders == 1:
                    _set_blas_threads(_blas_threads)
                _holders -= 1
                held = False

    global _holders
    try:
        with _lock:
            if not _holders:
                _blas_threads[:] = [library.get_num_threads() for library in _blas()]
            _holders += 1
            held = True
            if _holders == 1:
                _set_blas_threads([1] * len(_blas_threads))
        yield
    finally:
        try:
            leave()
        except BaseException:  # Ctrl-C in its midst
            leave()
            raise


def share(
    work: Callable[[Block], object], blocks: Iterable[Block], *, multiplies: bool = True
) -> None:
    """Call `work` on every block, the blocks handed out to the threads as they become free.

    The caller is one of the threads and takes over what no other has begun, so that a kernel called
    from inside a worker cannot wait for ever. A single block runs in the caller alone. An exception
    stops the handing out and is raised once every thread is done. Context variables, such as those
    of `np.errstate`, are the caller's in all of them. Unless work `multiplies` matrices, BLAS is
    left alone, which saves some microseconds.
    """
    waiting = deque(blocks)
    helpers = min(_num_threads, len(waiting)) - 1
    busy: list[None] = []  # one for each helper at work
    ended: SimpleQueue[None] = SimpleQueue()
    errors: list[BaseException] = []

    def take_blocks() -> None:
        try:
            while True:
                try:
                    block = waiting.popleft()
                except IndexError:
                    return
                work(block)
        except BaseException:
            waiting.clear()
            raise

    def help_out() -> None:
        busy.append(None)
        try:
            # Some BLAS (MKL, OpenBLAS over OpenMP) count threads for each calling thread apart. A
            # caller that Ctrl-C took away has given back the counts of the others.
            if multiplies:
                with _lock:
                    if _holders:
                        _set_blas_threads([1] * len(_blas()))
            take_blocks()
        except BaseException as error:
            errors.append(error)
        finally:
            busy.pop()
            ended.put(None)

    def wait() -> None:
        waiting.clear()
        while busy:  # a helper that begins later finds nothing to do
            ended.get()

    with single_threaded_blas() if multiplies else contextlib.nullcontext():
        if helpers < 1:
            return take_blocks()
        try:
            for _ in range(helpers):
                _hand_over(functools.partial(copy_context().run, help_out), helpers)
            take_blocks()
        finally:
            try:
                wait()
            except BaseException:  # Ctrl-C in its midst
                wait()
                raise
        for error in errors:
            raise error


def cut(length: int, pieces: int) -> list[slice]:
    """At most this many slices, of nearly equal length, that cover range(length).

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    pieces = min(pieces, length)
    return [slice(length * i // pieces, length * (i + 1) // pieces) for i in range(pieces)]


def share_sum(
    term: Callable[[Block, np.ndarray], object],
    blocks: Sequence[Block],
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> np.ndarray:
    """The sum over all blocks of what `term(block, out)` leaves in `out`, of this shape.

    Floating-point addition is not associative, so which terms are added first does not depend on
    which thread is faster: the same number of threads gives the same bits.
    """
    if len(blocks) == 1:
        total = np.empty(shape, dtype)
        share(lambda block: term(block, total), blocks)
        return total
    parts = cut(len(blocks), _num_threads)
    sums = np.zeros((len(parts), *shape), dtype)

    def work(part: int) -> None:
        out = workspace("term", shape, dtype)
        for block in blocks[parts[part]]:
            term(block, out)
            sums[part] += out

    share(work, range(len(parts)))
    return sums.sum(axis=0)


def workspace(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array from memory that the calling thread keeps under this name.

    Valid until the thread asks for the name again. Fresh memory would cost a page fault for every
    4 KiB, together as much time as the arithmetic.
    """
    size = math.prod(shape) * dtype.itemsize
    memory = vars(_own).get(name)
    if memory is None or memory.size < size:
        memory = vars(_own)[name] = np.empty(size, np.uint8)
    return memory[:size].view(dtype).reshape(shape)


_own = threading.local()


# Not a ThreadPoolExecutor: it locks in Python, and where Ctrl-C comes between a lock and the `with`
# that opens it again, all later work waits for ever. Here each step is one call of C.
_tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()
_workers = 0


def _hand_over(task: Callable[[], object], workers: int) -> None:
    """Let the first of at least so many threads that is free do this task."""
    global _workers
    while _workers < workers:
        start_new_thread(_do_tasks, (_tasks,))
        _workers += 1
    _tasks.put(task)


def _do_tasks(tasks: SimpleQueue[Callable[[], object]]) -> None:
    while True:
        tasks.get()()


def _forget_threads() -> None:
    global _lock, _tasks, _workers
    _lock, _tasks, _workers = threading.RLock(), SimpleQueue(), 0


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_forget_threads)


class _Blas(NamedTuple):
    """How many threads a BLAS library uses."""

    get_num_threads: Callable[[], int]
    set_num_threads: Callable[[int], object]


@functools.lru_cache(maxsize=1)
def _blas() -> list[_Blas]:
    """The BLAS libraries that are loaded; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [
        _openblas(library) or _Blas(library.get_num_threads, library.set_num_threads)
        for library in libraries
    ]


def _openblas(library: Any) -> _Blas | None:
    """OpenBLAS's own functions: threadpoolctl's take ten times as long, and are called at every
    product; and from 3.7 on they do nothing in all threads but the first to call them.
    """
    if library.internal_api == "openblas" and library.threading_layer == "pthreads":
        for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
            names = [f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set")]
            if all(hasattr(library.dynlib, name) for name in names):
                return _Blas(*(getattr(library.dynlib, name) for name in names))
    return None


def _set_blas_threads(counts: list[int]) -> None:
    for library, count in zip(_blas(), counts):  # noqa: B905  strict= takes as long as the call
        library.set_num_threads(count)

"""Arrays that a program changes in place after they were recorded.

NumPy code uses arrays again: it refills a work array, shuffles an index, reads the next batch into
the same buffer. A VJP runs later, and would read what such an array holds by then. So the tape
keeps a copy of a small array that it did not make itself: a constant, or the value of a leaf. Of a
large one it keeps the array and a checksum, and a backward pass that would read changed numbers
raises instead.
"""

from __future__ import annotations

import array
import dis
import functools
import operator
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .core.tensor import Tensor, as_array, rules

LARGEST_COPY = 16 << 10
"""Bytes of an array that is copied."""
LARGEST_WHOLE = 1 << 20
"""Bytes of a leaf that is compared as a whole; of larger ones, this many words are."""
WORDS = 16384
WORDS_AT_ONCE = 64
"""Words of a large leaf that are compared where only the function that is differentiated itself
could change it. More would be noticed in a training step of one image.
"""

SCALARS = frozenset({float, int, bool, complex, str, type(None)})
"""The types of most arguments that are not arrays; they can't change."""


class Guard(NamedTuple):
    """A large array that a record read, and what it held then."""

    values: np.ndarray
    is_leaf: bool
    words: int  # so many are compared, spread over the array; 0 means all
    checksum: int


def recorded(op: Any, args: Sequence[Any], values: Sequence[Any]) -> tuple[Any, list[Guard]]:
    """The values of an operation's arguments as the tape keeps them, and guards of large ones."""
    guards: list[Guard] = []
    if isinstance(op.forward, np.ufunc):  # to which a list is an array
        values = [np.asarray(v) if isinstance(v, (list, tuple)) else v for v in values]
    kept = [
        value
        if type(arg) is Tensor and arg.record is not None
        else unshared(value, guards, op, i, type(arg) is Tensor and arg.requires_grad)
        for i, (arg, value) in enumerate(zip(args, values, strict=True))
    ]
    return tuple(kept), guards


def unshared(
    value: Any,
    guards: list[Guard],
    op: Any,
    place: int | str,
    is_leaf: bool = False,
    words: int = WORDS,
) -> Any:
    """The value of an argument in arrays and containers that nobody else can write to.

    Large arrays stay as they are, and get a guard.
    """
    if type(value) in SCALARS:
        return value
    if isinstance(value, np.ndarray):
        if type(value) is not np.ndarray:
            as_array(value)  # refuses a mask
        if value.nbytes <= LARGEST_COPY or value.dtype.hasobject:
            return np.asarray(value).copy()
        _guard(guards, value, is_leaf, words)
        return value
    if isinstance(value, (list, tuple)):
        if type(value) is tuple and SCALARS.issuperset(map(type, value)):
            return value
        parts = [unshared(part, guards, op, place, is_leaf) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is slice:
        bounds = (value.start, value.stop, value.step)
        return slice(*(bound if bound is None else operator.index(bound) for bound in bounds))
    if isinstance(value, dict):
        return {key: unshared(part, guards, op, place, is_leaf) for key, part in value.items()}
    if callable(value) or isinstance(value, (np.generic, np.dtype)):
        return value
    if hasattr(value, "__array__") or isinstance(value, (memoryview, array.array)):
        return np.asarray(value).copy()  # a series of pandas, say
    if hasattr(value, "shape"):
        raise TypeError(
            f"{op.name}: argument {place} is a {type(value).__name__}, which NumPy takes for no "
            f"array; convert it first, as in x.toarray()"
        )
    return value


any_guards = False
"""Whether there was ever a guard: without one a walk back looks for none."""


def _guard(guards: list[Guard], values: np.ndarray, is_leaf: bool, words: int) -> None:
    global any_guards
    any_guards = True
    if not is_leaf or values.nbytes <= LARGEST_WHOLE:
        words = 0
    guards.append(Guard(values, is_leaf, words, checksum(values, words)))


def checksum(values: np.ndarray, words: int = 0) -> int:
    """A number that changes with the array's contents, also when they only change places.

    Of so many words, spread over rows and columns, it is a sum of products; 0 means the whole.
    """
    flat = values.reshape(-1) if values.flags.c_contiguous else np.ravel(values, "K")
    if not words:
        return zlib.crc32(flat.view(np.uint8))  # type: ignore[arg-type]
    every = flat.view(np.uint8)[: flat.nbytes // 8 * 8].view(np.uint64)
    sample = every[:: every.size // words | 1]
    return int(np.dot(sample, _odd_numbers(sample.size)))


@functools.lru_cache(maxsize=64)
def _odd_numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)


def identity(constant: Any) -> Any:
    """What tells a constant of the tape from others: its contents, where the tape has a copy."""
    if getattr(constant, "nbytes", LARGEST_COPY + 1) > LARGEST_COPY or constant.dtype.hasobject:
        return id(constant)
    return constant.dtype, constant.shape, constant.tobytes()


def check_unchanged(records: Sequence[Any], guards: Iterable[Guard] = ()) -> None:
    """Raise RuntimeError if a VJP on this tape would read an array that changed in place."""
    if not any_guards:
        return
    sums: dict[tuple[int, int], int] = {}

    def changed(guard: Guard) -> bool:
        key = id(guard.values), guard.words
        if key not in sums:
            sums[key] = checksum(guard.values, guard.words)
        return sums[key] != guard.checksum

    guarded = [guard for record in records if record.guards for guard in record.guards]
    for guard in filter(changed, (*guards, *guarded)):
        for record in records:
            own = [g for g in record.guards if np.may_share_memory(g.values, guard.values)]
            if not own or any(map(changed, own)):  # else it read what the array holds now
                _refuse_if_read(record, guard.values, guard.is_leaf)


def _refuse_if_read(record: Any, values: np.ndarray, is_leaf: bool) -> None:
    """Raise if a VJP of the record reads memory of the array; only then does its change matter."""

    def shared(value: Any) -> bool:
        if isinstance(value, (list, tuple, dict)):
            return any(map(shared, value.values() if isinstance(value, dict) else value))
        return isinstance(value, np.ndarray) and np.may_share_memory(value, values)

    op = record.op
    if record.released:
        return
    only_moves = op.uses == op.vjp  # such a VJP reads the shapes of floating-point arguments
    for i, value in enumerate((record.output, *record.args)):
        if not shared(value) or (only_moves and getattr(value, "dtype", values.dtype).kind in "fc"):
            continue
        if any(_mentions(op.vjps[position], i + 1) for position, _ in record.parents):
            what = "the value of a leaf" if is_leaf else "a constant"
            raise RuntimeError(
                f"{op.name}: {what} of shape {values.shape} was changed in place after it was "
                f"recorded, and the gradient needs what it held; pass a copy, x.copy()"
            )
    if any(map(shared, record.params.values())):
        raise RuntimeError(
            f"{op.name}: a keyword argument of shape {values.shape} was changed in place after it "
            f"was recorded, and the gradient needs what it held; pass a copy, x.copy()"
        )


def _mentions(vjp: Callable[..., Any], place: int) -> bool:
    """Whether the code of a VJP mentions its argument at this place; True where that is hidden."""
    code = getattr(vjp, "__code__", None)
    if code is None or place >= code.co_argcount or hasattr(vjp, "__wrapped__"):
        return True
    name = code.co_varnames[place]
    return any(
        name == instruction.argval
        or (isinstance(instruction.argval, tuple) and name in instruction.argval)
        for instruction in dis.get_instructions(code)
    )


def holds_tensor(value: Any) -> bool:
    """Whether a list or tuple holds a tensor, at any depth."""
    return any(
        type(part) is Tensor or (isinstance(part, (list, tuple)) and holds_tensor(part))
        for part in value
    )


def stacked(value: Any) -> Any:
    """A list that holds tensors as one tensor, as `np.array` makes an array of it."""
    if isinstance(value, (list, tuple)) and holds_tensor(value):
        return rules[np.stack]([stacked(part) for part in value])
    return value


def let_pandas_give_way() -> None:
    """Let `frame @ t` and `series @ t` ask the tensor, as pandas' other operators do.

    Those look at `Tensor.__pandas_priority__`; @ makes an array of whatever stands at its right.
    """
    pandas = sys.modules["pandas"]
    for kind in (getattr(pandas, "DataFrame", None), getattr(pandas, "Series", None)):
        if kind is not None and not hasattr(kind.__matmul__, "gives_way"):
            kind.__matmul__ = _giving_way(kind.__matmul__)


def _giving_way(product: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(product)
    def __matmul__(self: Any, other: Any) -> Any:
        return NotImplemented if type(other) is Tensor else product(self, other)

    __matmul__.gives_way = True  # type: ignore[attr-defined]
    return __matmul__

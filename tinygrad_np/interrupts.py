"""`contextlib.contextmanager`, for what must be undone also where Ctrl-C comes at a bad moment."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Generator
from contextlib import ContextDecorator
from typing import Any, ParamSpec

__all__ = ["contextmanager"]

P = ParamSpec("P")


class _Context(ContextDecorator, io.IOBase):
    """A suspended generator, which goes on where the block ends.

    Python may raise KeyboardInterrupt wherever a Python function begins, and so at the beginning of
    an `__exit__` written in Python: none of it runs then. `IOBase.__exit__` is written in C and
    calls `close`, and so is the generator's.
    """

    closed = True  # for IOBase: there is no file to close

    def __init__(self, function: Any, *args: Any, **params: Any) -> None:
        self.made_from = function, args, params
        self.steps = steps = function(*args, **params)
        self.close = steps.close  # type: ignore[method-assign]

    def __enter__(self) -> None:  # type: ignore[override]
        try:
            next(self.steps)
        except StopIteration:
            raise RuntimeError("a context can be entered once; make another") from None
        except BaseException:
            self.close()
            raise

    def _recreate_cm(self) -> _Context:  # for ContextDecorator: one for each call
        function, args, params = self.made_from
        return _Context(function, *args, **params)


def contextmanager(function: Callable[P, Generator[None]]) -> Callable[P, _Context]:
    """Make a context from a generator function that yields once, in the midst of a `try`.

    Its `finally` begins however the block ends, and with the block; Ctrl-C may interrupt it like
    any code. How the block ended it is not told: the generator is closed.

    >>> @contextmanager
    ... def announced():
    ...     try:
    ...         print("in")
    ...         yield
    ...     finally:
    ...         print("out")
    >>> with announced():
    ...     print("block")
    in
    block
    out
    """

    return functools.update_wrapper(functools.partial(_Context, function), function)

"""Which of the user's functions, and which line of them, ran each operation."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.primitive import Primitive
from ..core.tape import Record
from ..core.tensor import Tensor

PACKAGE = __name__.split(".")[0]


class Call(NamedTuple):
    """One call of a function, on the way to an operation.

    Attributes:
        number: tells calls of the same function apart.
        function: its name.
        line: the text of the line that was running; "" in functions of this library.
    """

    number: int
    function: str
    line: str


def watch(f: Callable[..., Any], *args: Any) -> tuple[Any, dict[Record, list[Call]]]:
    """Run `f(*args)`, and note for every record the calls that led to it, the outermost first.

    Python's profiling hook tells when an operation returns; whoever called it is then on the stack.
    """
    calls: dict[Record, list[Call]] = {}
    numbers: dict[Any, int] = {}  # a frame is one call
    operation = Primitive.__call__.__code__
    outside = sys._getframe()

    def note(frame: Any, event: str, result: Any) -> None:
        if event != "return" or frame.f_code is not operation:
            return
        parts = result if isinstance(result, tuple) else (result,)
        record = next((part.record for part in parts if type(part) is Tensor), None)
        if record is None or record in calls:
            return
        path = []
        while (frame := frame.f_back) is not None and frame is not outside:
            if _is_shown(frame):
                line = (
                    ""
                    if _is_ours(frame)
                    else linecache.getline(frame.f_code.co_filename, frame.f_lineno)
                )
                number = numbers.setdefault(frame, len(numbers))
                path.append(Call(number, frame.f_code.co_name, line.strip()))
        calls[record] = path[::-1]

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        return f(*args), calls
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # cProfile's, in C, that goes on only in this way
            before.enable()
        numbers.clear()  # the frames refer to this one


def _is_shown(frame: Any) -> bool:
    """The user's functions, and those of this library that are made of several operations."""
    module, name = _module(frame), frame.f_code.co_name
    if _is_ours(frame):
        return module.startswith(f"{PACKAGE}.ops.") and not name.startswith(("_", "<"))
    return module.split(".")[0] != "numpy" and name not in ("<listcomp>", "<genexpr>", "<dictcomp>")


def _is_ours(frame: Any) -> bool:
    return _module(frame).split(".")[0] == PACKAGE


def _module(frame: Any) -> str:
    return frame.f_globals.get("__name__") or ""

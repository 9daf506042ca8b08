"""What there is to know of an operation: what it computes, why its VJP is right, and its source.

Nothing is written here: it all stands in docstrings, comments and code, and this finds it. An
operation's own docstring says what it computes. Its VJP is derived there, in the docstring of the
VJP, in a comment above the statement that registers it, or in the docstring of the module.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..core.primitive import Primitive
from .docstrings import typeset
from .stories import STORIES

PACKAGE = __name__.partition(".")[0]
SHORT = 25  # lines of a function that is shown whole, for the VJP that it makes


class Explanation(NamedTuple):
    """An operation explained.

    Attributes:
        name: of the operation.
        summary: one line of plain text.
        forward: HTML of what it computes.
        derivation: HTML of where its VJP comes from; empty where nobody wrote that down.
        source: the Python code of the VJP, or a comment that says why there is none.
        location: where that stands, such as "tinygrad_np/ops/convolution.py:92".
        story: what the page's script calls the operation, if it knows its arithmetic; else empty.
        elementwise: whether an element is made of those at its place in the operands.
    """

    name: str
    summary: str
    forward: str
    derivation: str
    source: str
    location: str
    story: str
    elementwise: bool


def explain_operation(op: Primitive) -> Explanation:
    """Everything that is written about an operation, of this library or of yours.

    >>> import numpy as np
    >>> from tinygrad_np.core.tensor import rules
    >>> explanation = explain_operation(rules[np.sin])
    >>> explanation.summary
    'Trigonometric sine, element-wise.'
    >>> explanation.source
    'primitive(np.sin).defvjp(lambda g, y, x: g * np.cos(x))'
    """
    vjps = op.stated_vjps()
    pieces = [*dict.fromkeys(piece for vjp in vjps for piece in _pieces(vjp))]
    pieces = sorted(p for p in pieces if not any(p.inside(other) for other in pieces))
    docstring = _docstring(op, vjps)
    summary = _sentence(docstring) or f"{op.name}, an operation without a docstring."
    numpydoc = re.search(r"^\s*-{4,}$", docstring, re.MULTILINE)  # another markup
    return Explanation(
        name=op.name,
        summary=summary,
        forward=typeset(summary if numpydoc or not docstring else docstring),
        derivation="\n".join(filter(None, _derivation(op, vjps, pieces))),
        source="\n\n\n".join(piece.text for piece in pieces) or _without_source(op, vjps),
        location=_location(vjps),
        story=_story(op, vjps),
        elementwise=op.elementwise,
    )


# The VJPs


def _function(vjp: Any) -> FunctionType | None:
    """The Python function behind a callable, if there is one."""
    while isinstance(vjp, functools.partial | Primitive):
        vjp = vjp.forward if isinstance(vjp, Primitive) else vjp.func
    vjp = getattr(vjp, "__func__", vjp)
    call = vjp if isinstance(vjp, FunctionType) else vars(type(vjp)).get("__call__")
    return call if isinstance(call, FunctionType) else None


def _ours(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").split(".")[0] == PACKAGE


def _all_ours(vjps: list[Any]) -> bool:
    return bool(vjps) and all(_ours(_function(vjp)) for vjp in vjps)


def _rules(vjp: Any) -> Iterator[FunctionType]:
    """The function itself, and those that it can't be understood without.

    They are the functions that it wraps or was made from, and for a lambda those of the library
    that it calls.
    """
    function = _function(vjp)
    if function is None:
        return
    yield function
    made_from = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    made_from += function.__defaults__ or ()
    if function.__name__ == "<lambda>":
        called = [function.__globals__.get(name) for name in function.__code__.co_names]
        made_from += [f for f in called if f and _ours(f) and f.__name__.startswith("_")]
    for other in made_from:
        if isinstance(other, FunctionType) and other is not function:
            yield from _rules(other)


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


# Their source


class _Piece(NamedTuple):
    """Lines of a file."""

    file: str
    start: int
    end: int
    text: str

    def inside(self, other: _Piece) -> bool:
        return (
            self != other
            and self.file == other.file
            and other.start <= self.start
            and self.end <= other.end
        )


def _pieces(vjp: Any) -> Iterator[_Piece]:
    for function in _rules(vjp):
        lines, statement = _statement(function.__code__)
        if statement is not None:
            start, end = _extent(statement)
            text = textwrap.dedent("".join(lines[start - 1 : end])).rstrip()
            yield _Piece(function.__code__.co_filename, start, end, text)


def _statement(code: CodeType) -> tuple[list[str], ast.stmt | None]:
    """The lines of the file, and the statement of it that one must read to understand the code.

    It is the smallest statement that holds the code, or a loop around it, or a function around it
    that makes it, if that is short.
    """
    lines = linecache.getlines(code.co_filename)
    found: ast.stmt | None = None
    for statement in reversed(_around("".join(lines), code.co_firstlineno)):
        start, end = _extent(statement)
        around = isinstance(statement, ast.For | ast.If | ast.With | ast.Try)
        maker = isinstance(statement, ast.FunctionDef) and end - start < SHORT
        if found is not None and not around and not maker:
            break
        found = statement
    return lines, found


def _around(source: str, line: int) -> list[ast.stmt]:
    """The statements that hold a line, from the outermost to the innermost."""
    found: list[ast.stmt] = []
    statements = _parsed(source)
    while True:
        holding = [s for s in statements if _extent(s)[0] <= line <= _extent(s)[1]]
        if not holding:
            return found
        found.append(holding[0])
        statements = [s for s in ast.iter_child_nodes(holding[0]) if isinstance(s, ast.stmt)]


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a notebook cell with magic commands
        return []


def _extent(statement: ast.stmt) -> tuple[int, int]:
    decorators = getattr(statement, "decorator_list", [])
    start = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return start, statement.end_lineno or start


def _without_source(op: Primitive, vjps: list[Any]) -> str:
    if not vjps:
        return f"# {op.name} has no VJP; give it one with .defvjp."
    if _function(vjps[0]) is None:
        return f"# The VJP of {op.name} is {vjps[0]!r}, which is no Python function."
    return f"# The VJP of {op.name} was not read from a file, so there is no source code to show."


def _location(vjps: list[Any]) -> str:
    function = _function(vjps[0]) if vjps else None
    if function is None:
        return ""
    function = inspect.unwrap(function)
    code, module = function.__code__, function.__module__ or "unknown"
    if module.split(".")[0] == PACKAGE:
        return f"{_file(module)}:{code.co_firstlineno}"
    file = Path(code.co_filename)
    name = file.name if file.suffix == ".py" and "ipykernel" not in str(file) else module
    return f"{name}:{code.co_firstlineno}"


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


# What is written about them


def _docstring(op: Primitive, vjps: list[Any]) -> str:
    """That of the function that one calls: of the operation, or one around it of the same name."""
    around = _public(op, vjps)
    if around is not None:
        return around.__doc__ or ""
    if not op.__doc__ and _ours(op.forward) and _all_ours(vjps):
        return getattr(getattr(np, op.name, None), "__doc__", None) or ""
    return op.__doc__ or ""


def _public(op: Primitive, vjps: list[Any]) -> Any:
    """The function that validates arguments and has the name of the operation that it calls."""
    if not (_ours(op.forward) and _all_ours(vjps)):
        return None  # an operation of the user's may have any name
    for module in {getattr(f, "__module__", None) or "" for f in (op.forward, *vjps)}:
        found = getattr(sys.modules.get(module), op.name, None)
        if isinstance(found, FunctionType) and _ours(found) and found.__module__ == module:
            return found
    return None


def _story(op: Primitive, vjps: list[Any]) -> str:
    """That of its function, unless the VJPs are the user's."""
    found = (story for function, story in STORIES.items() if function is op.forward)
    return next(found, "") if _all_ours(vjps) else ""


def _sentence(docstring: str) -> str:
    """The first sentence, behind the signature that the docstrings of universal functions have."""
    for paragraph in inspect.cleandoc(docstring).split("\n\n"):
        text = " ".join(paragraph.split()).replace("`", "")
        if text and not re.fullmatch(r"[\w.]+\(.*\)", text):
            sentence = re.match(r".+?[.](?=\s+[A-Z]|$)", text)
            return sentence[0] if sentence else text
    return ""


def _derivation(op: Primitive, vjps: list[Any], pieces: list[_Piece]) -> Iterator[str]:
    if op.__doc__ and _public(op, vjps):
        yield typeset(op.__doc__)
    yield from _rule_docstrings(op)
    for comment in dict.fromkeys(map(_comment_above, pieces)):
        yield typeset(comment)
    modules = dict.fromkeys(vjp.__module__ for vjp in map(_function, vjps) if vjp and _ours(vjp))
    for module in modules:
        if docstring := sys.modules[module].__doc__:
            yield f"<h5><code>{_file(module)}</code></h5>\n{typeset(docstring)}"


def _rule_docstrings(op: Primitive) -> Iterator[str]:
    """The docstrings of the VJPs, for each argument where they differ."""
    several = isinstance(op.vjps, tuple) and op.joint_vjp is None
    by_argument = {}
    for i, vjp in enumerate(op.vjps if several else op.stated_vjps()):
        docstrings: list[str] = []
        rules = [*_rules(vjp)]
        called = set(rules[0].__code__.co_names) if rules else set()
        for function in rules:
            doc, name = function.__doc__ or "", function.__name__
            if doc not in "\n".join(docstrings) and (name not in called or "vjp" in name):
                docstrings.append(doc)
        if docstrings:
            by_argument[i] = "\n".join(map(typeset, docstrings))
    different = [*dict.fromkeys(by_argument.values())]
    if len(different) < 2:
        yield from different
        return
    for i, html in by_argument.items():
        name = [*inspect.signature(op.vjps[i]).parameters][2 + i]
        yield f"<h5>With respect to <code>{escape(name)}</code></h5>\n{html}"


def _comment_above(piece: _Piece) -> str:
    """The comment that stands above a statement and those before it on the same operation."""
    lines = linecache.getlines(piece.file)
    at = piece.start - 1
    if name := re.match(r"\w+(?=\.defvjp)", piece.text):
        while at and re.match(rf"{name[0]}\b", lines[at - 1]):
            at -= 1
    comment: list[str] = []
    while at and (found := re.match(r"\s*# ?(.*)", lines[at - 1])):
        comment.insert(0, found[1])
        at -= 1
    return "\n".join(comment)

"""Docstrings as HTML: paragraphs, lists, sections and doctests, with their formulas as MathML."""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Iterator
from html import escape

from .mathematics import displayed, markup, prose

SECTION = re.compile(r"([A-Z][a-z]+):$")
ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)")


@functools.cache
def typeset(docstring: str) -> str:
    """The HTML of a docstring, safe to be put into a page.

    Args:
        docstring: paragraphs, lists of lines that begin with "- ", sections such as "Args:",
            indented formulas, and doctests.

    Returns:
        Elements `p`, `ul`, `dl`, `pre` and `h4`, with `code` and MathML in them. Every `math` has
        what was written as its `alttext`.

    >>> typeset("Positive numbers that sum to `1`.")
    '<p>Positive numbers that sum to <code>1</code>.</p>'
    """
    return "\n".join(_blocks(inspect.cleandoc(docstring).splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        start = at
        at += 1
        if not line.strip():
            continue
        if SECTION.match(line) and at < len(lines) and lines[at].startswith(" "):
            at = _end_of_indented(lines, at)
            yield f"<h4>{escape(line[:-1])}</h4>"
            yield from _section(textwrap.dedent("\n".join(lines[start + 1 : at])).splitlines())
        elif line.startswith(">>>"):
            while at < len(lines) and lines[at].strip():
                at += 1
            yield markup("pre", "\n".join(lines[start:at]), ' class="doctest"')
        elif line.startswith("- "):
            items = [line[2:]]
            while at < len(lines) and lines[at].startswith(("- ", "  ")):
                if lines[at].startswith("- "):
                    items.append("")
                items[-1] += f" {lines[at][2:]}"
                at += 1
            yield f"<ul>{''.join(f'<li>{prose(item)}</li>' for item in items)}</ul>"
        elif line.startswith("    "):
            at = _end_of_indented(lines, at)
            yield from _indented(textwrap.dedent("\n".join(lines[start:at])).strip("\n"))
        else:
            while at < len(lines) and lines[at].strip() and not _begins_block(lines[at]):
                at += 1
            paragraph = " ".join(lines[start:at])
            yield displayed(paragraph) or f"<p>{prose(paragraph)}</p>"


def _begins_block(line: str) -> bool:
    return line.startswith((">>> ", "- ", "    ")) or SECTION.match(line) is not None


def _end_of_indented(lines: list[str], at: int) -> int:
    while at < len(lines) and (lines[at].startswith(" ") or not lines[at].strip()):
        at += 1
    return at


def _indented(text: str) -> Iterator[str]:
    """Formulas, one a line or one over all lines, or what its layout matters to."""
    formulas = [displayed(line) for line in text.splitlines() if line.strip()]
    if None in formulas:
        formulas = [displayed(" ".join(text.split()))]
    if None in formulas:
        yield markup("pre", text)
    yield from filter(None, formulas)


def _section(lines: list[str]) -> Iterator[str]:
    """A definition for each entry "name: what it is", or paragraphs."""
    if not ENTRY.match(lines[0]):
        yield from _blocks(lines)
        return
    entries: list[list[str]] = []
    for line in lines:
        entry = ENTRY.match(line)
        if entry:
            entries.append([entry[1], entry[2]])
        else:
            entries[-1][1] += f" {line.strip()}"
    items = (f"<dt>{markup('code', name)}</dt><dd>{prose(text)}</dd>" for name, text in entries)
    yield f"<dl>{''.join(items)}</dl>"

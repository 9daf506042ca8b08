"""How tapes and tensors are shown: as text, as HTML for notebooks, and as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .tape import Record, Tape
    from .tensor import Tensor

Rows = Sequence[Sequence[str]]  # the first is the header

TAPE_HEADER = ("", "operation", "inputs", "output", "dtype", "parameters", "bytes", "flops")
TAPE_NUMBERS = (0, 5, 6, 7)


def tape_rows(tape: Tape) -> list[tuple[str, ...]]:
    """The table of a tape: a header, a row for each record, and the totals."""
    rows: list[tuple[str, ...]] = [TAPE_HEADER]
    totals = [0, 0, 0]
    seen: set[Tensor] = set()
    for number, record in enumerate(tape):
        if record.released:
            rows.append((str(number), record.op.name, "released", "", "", "", "", ""))
            continue
        leaves = {parent for _, parent in record.parents if parent.record is None} - seen
        seen |= leaves
        numbers = (
            sum(leaf.size for leaf in leaves),
            sum(output.nbytes for output in record.outputs),
            record.flops(),
        )
        totals = [total + n for total, n in zip(totals, numbers, strict=True)]
        rows.append(
            (
                str(number),
                _call(record),
                ", ".join(_inputs(record)),
                ", ".join(str(output.shape) for output in record.outputs),
                ", ".join(dict.fromkeys(str(output.dtype) for output in record.outputs)),
                *(f"{n:,}" if n else "" for n in numbers),
            )
        )
    return [*rows, ("", "total", "", "", "", *(f"{total:,}" for total in totals))]


def _call(record: Record) -> str:
    """The operation with those of its parameters that are short enough to read."""
    shown = [
        f"{name}={value}"
        for name, value in record.params.items()
        # Strides and dilations of 1 and no padding go without saying.
        if len(str(value)) <= 20 and not (type(value) is tuple and {1, (0, 0)}.issuperset(value))
    ]
    return f"{record.op.name}({', '.join(shown)})" if shown else record.op.name


def _inputs(record: Record) -> Iterator[str]:
    parents = dict(record.parents)
    for position, arg in enumerate(record.args):
        if isinstance(arg, np.ndarray):
            name = getattr(parents.get(position), "name", None)
            yield f"{name} {arg.shape}" if name else str(arg.shape)
        elif isinstance(arg, (int, float)):
            yield f"{arg:g}"


def tensor_rows(tensor: Tensor) -> Rows:
    """The values of a small tensor, or the extent and mean of a large one."""
    data, kind = tensor._array, tensor.dtype.kind
    if data.ndim <= 2 and 0 < data.size <= 100:
        values = np.atleast_2d(data).tolist()
        marks = [str(row) for row in range(len(values))] if data.ndim == 2 else [""]
        return [
            ["", *map(str, range(len(values[0])))] if data.ndim else ["", ""],
            *(
                [mark, *(f"{value:g}" if kind in "fc" else str(value) for value in row)]
                for mark, row in zip(marks, values, strict=True)
            ),
        ]
    if not data.size or kind not in "biuf":
        return [[""]]
    with np.errstate(all="ignore"):  # the mean of infinities
        shown = [f"{float(value):g}" for value in (data.min(), data.mean(), data.max())]
    return [["min", "mean", "max"], shown]


def as_text(rows: Rows, numbers: Sequence[int]) -> str:
    """The table in lines of text, the columns `numbers` flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def as_html(rows: Rows, numbers: Sequence[int], caption: str = "") -> str:
    """The table in HTML, everything escaped, the columns `numbers` flush right."""
    from html import escape

    def line(tag: str, row: Sequence[str]) -> str:
        sides = ("right" if i in numbers else "left" for i in range(len(row)))
        cells = (
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, row, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    head, *body = [line("th" if i == 0 else "td", row) for i, row in enumerate(rows)]
    # Beside the table, not in its <caption>, which would break into lines as narrow as the table.
    return (
        f"<div>{escape(caption)}</div>" if caption else ""
    ) + f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def as_dot(tape: Tape) -> str:
    """What `Tape.to_dot` does."""
    from ..constants import identity  # which imports the tensors that this module shows

    nodes: dict[Any, tuple[str, str]] = {}  # what a node stands for -> its style and label
    edges: list[tuple[Any, Any, tuple[int, ...]]] = []

    def arrives(tensor: Tensor, target: Any) -> None:
        """Draw the edge that carries this tensor, and its leaf where no operation made it."""
        source = tensor.record or tensor
        nodes.setdefault(source, ("shape=box", f"{tensor.name or ''}\n{tensor.shape}".strip()))
        edges.append((source, target, tensor.shape))

    for number, record in enumerate(tape):
        call = f"{number}  {_call(record)}"
        nodes[record] = (
            ("style=dashed", f"{call}\nreleased") if record.released else ("shape=ellipse", call)
        )
    for record in tape:
        parents = dict(record.parents)
        for position, arg in enumerate(record.args or ()):
            if position in parents:
                arrives(parents[position], record)
            elif isinstance(arg, (np.ndarray, int, float, complex, np.generic)):
                # The same array is the same node; equal numbers are numbers of their own.
                source = (record, position) if np.ndim(arg) == 0 else identity(arg)
                label = f"{arg:g}" if np.ndim(arg) == 0 else f"constant\n{np.shape(arg)}"
                nodes.setdefault(source, ("shape=box, style=dashed", label))
                edges.append((source, record, np.shape(arg)))
    for output in tape.outputs:
        nodes["output", output] = ("shape=plaintext", output.name or "output")
        arrives(output, ("output", output))

    names = {node: f"n{number}" for number, node in enumerate(nodes)}
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    return "\n".join(
        [
            "digraph tape {",
            *(
                f'{names[node]} [{style}, label="{label.translate(escapes)}"];'
                for node, (style, label) in nodes.items()
            ),
            *(
                f'{names[source]} -> {names[target]} [label="{shape}"];'
                for source, target, shape in edges
            ),
            "}",
        ]
    )

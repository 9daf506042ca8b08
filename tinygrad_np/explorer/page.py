"""The explorable page of a tape, in one self-contained HTML file."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..constants import identity
from ..core import tree
from ..core.primitive import Primitive
from ..core.tape import Record, Tape, accumulate, pull_back, recording, starting_cotangent
from ..core.tensor import Tensor, as_array
from ..saving import replacing
from . import dependence
from .arrays import Arrays
from .calls import Call, watch
from .explanation import Explanation, explain_operation

LARGEST_ARRAY = 1 << 16  # elements
LARGEST_FRAME = 700_000  # elements, of all arrays together
MOST_RECORDS = 20_000

TAKES_KERNEL = ("convolution", "convolution_input_gradient")  # as the second argument

SCRIPTS = "numbers pictures arithmetic state tape operation reading tour page".split()


def explain_function(
    f: Callable[..., Any],
    args: Sequence[Any],
    path: Any,
    cotangent: Any,
    title: str | None,
    snapshots: Sequence[Any],
) -> Path:
    """What `explain` does."""
    if not callable(f):
        raise TypeError(f"explain: the first argument must be a function, not {f!r:.80}")
    for snapshot in snapshots:
        if not hasattr(snapshot, "params"):
            raise TypeError(
                f"explain: snapshots must be those of a FitResult, not {snapshot!r:.80}"
            )
    name = getattr(f, "__name__", type(f).__name__).strip("<>")
    runs = []
    for snapshot in (*snapshots, None):
        tensors = _tensors(f, args if snapshot is None else (snapshot.params, *args[1:]))
        with recording():
            result, calls = watch(f, *tensors)
        if type(result) is not Tensor:
            raise TypeError(
                f"explain: {name} must return a Tensor, which it makes of floating-point "
                f"arguments; it returned {result!r:.80}"
            )
        if not result.requires_grad:
            raise ValueError(f"explain: the result of {name} depends on none of its arguments")
        runs.append(_Run(Tape([result]), calls, cotangent, snapshot))
    return _write(runs, path, title or name)


def explain_tape(tape: Tape, path: Any, cotangent: Any, title: str) -> Path:
    """What `Tape.explain` does."""
    return _write([_Run(tape, {}, cotangent, None)], path, title)


def _tensors(f: Callable[..., Any], args: Sequence[Any]) -> list[Any]:
    """The arguments with a named tensor for every floating-point array."""
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {i}" for i in range(len(names), len(args))]

    def fresh(name: str, arg: Any) -> Any:
        paths = iter(tree.paths(arg))

        def wrap(leaf: Any) -> Any:
            path = next(paths)
            data = leaf._array if type(leaf) is Tensor else leaf
            if isinstance(data, (float, complex, np.ndarray, np.generic)):
                array = as_array(data)
                if array.dtype.kind in "fc":
                    return Tensor(array, requires_grad=True, name=path or name)
            return leaf

        return tree.map(wrap, arg)

    return [fresh(name, arg) for name, arg in zip(names, args, strict=False)]


class _Run:
    """A tape, with every cotangent of its backward pass."""

    def __init__(
        self, tape: Tape, calls: dict[Record, list[Call]], cotangent: Any, snapshot: Any
    ) -> None:
        self.tape, self.calls, self.snapshot = tape, calls, snapshot
        released = next((record for record in tape if record.released), None)
        if released is not None:
            raise RuntimeError(
                f"explain: the tape was let go by a backward pass, at {released.op.name}; call "
                f"explain first, or backward(retain_tape=True)"
            )
        if len(tape) > MOST_RECORDS:
            raise ValueError(
                f"explain: a page can show {MOST_RECORDS:,} operations, the tape has {len(tape):,}"
            )
        if len(tape) == 0:
            raise ValueError(
                "explain: no operation led to the result; it is an argument as it came"
            )
        (output,) = tape.outputs if len(tape.outputs) == 1 else (None,)
        if output is None:
            raise ValueError(f"explain: the tape must have one output, not {len(tape.outputs)}")
        self.cotangent = starting_cotangent("explain", output, cotangent)
        seeds: dict[Any, Any] = {}
        accumulate(seeds, output, self.cotangent)
        self.kept: dict[Any, Any] = {}
        with np.errstate(all="ignore"):
            self.kept |= pull_back(tape, seeds, kept=self.kept)
        ops = dict.fromkeys(record.op for record in tape)
        self.explained = {op: explain_operation(op) for op in ops}
        self.found = _values(tape, self.explained)
        self.values = list(self.found.values())

    def shape(self) -> list[Any]:
        """What has to be the same for two runs to share a page."""
        shape: list[Any] = []
        for record in self.tape:
            op = self.explained[record.op]
            shape.append((op.name, op.story, op.location, [np.shape(y) for y in record.outputs]))
        return shape

    def frame(self, limit: int) -> dict[str, Any]:
        """All arrays of this run: the values, the gradients, and what the operations send back."""
        arrays = Arrays(limit)
        add = arrays.add
        grads = [self._gradient(value) for value in self.values]
        frame: dict[str, Any] = {
            "step": None if self.snapshot is None else int(self.snapshot.step),
            "batchLoss": None if self.snapshot is None else _number(self.snapshot.loss),
            "values": [add(value.data, value.images) for value in self.values],
            "grads": [
                None if g is None else add(g, value.images)
                for value, g in zip(self.values, grads, strict=True)
            ],
            "seed": add(self.cotangent),
            "sent": {},
            "slopes": {},
            "jacobians": {},
            "sources": {},
            "largest": {},
        }
        for number, record in enumerate(self.tape):
            moved = dependence.source(record)
            if moved is not None:
                frame["sources"][number] = add(moved)
            for position, parent in record.parents:
                place = f"{number}/{position}"
                sent = self.kept.get((record, position))
                if sent is None:
                    continue
                images = self.found[parent.record or parent, parent.position].images
                frame["sent"][place] = add(sent, images)
                if not dependence.is_factor(record, position):
                    continue
                slope = dependence.local_derivative(record, position)
                if slope is not None:
                    frame["slopes"][place] = add(slope, images)
                elif moved is None:
                    table = dependence.jacobian(record, position)
                    if table is not None:
                        frame["jacobians"][place] = add(table)
            if self.explained[record.op].story == "dense" and _is_large_row(record, limit):
                terms = dependence.dense_terms(record, self.kept.get(record))
                frame["largest"][number] = {
                    way: [add(part) for part in parts] for way, parts in terms.items()
                }
        frame["arrays"] = arrays.described
        frame["blob"] = arrays.packed()
        return frame

    def _gradient(self, value: _Value) -> Any:
        g = self.kept.get(value.node)
        return g[value.position] if g is not None and value.position is not None else g

    def elements(self, limit: int) -> int:
        """How many numbers a frame holds, with at most so many of an array."""
        return sum(min(value.data.size, limit) * (1 + value.needs_grad) for value in self.values)


def _is_large_row(record: Record, limit: int) -> bool:
    x, kernel = record.args[:2]
    return kernel.size > limit and x.size == kernel.shape[0] <= LARGEST_ARRAY


class _Value:
    """An array of the tape: who made it, who uses it."""

    def __init__(self, data: np.ndarray, node: Any, position: int | None, name: str | None) -> None:
        self.data, self.node, self.position, self.name = data, node, position, name
        self.made_by: int | None = None
        self.uses: list[tuple[int, int]] = []
        self.needs_grad = node is not None
        self.kernel = False
        self.images = False


def _values(tape: Tape, explained: dict[Primitive, Explanation]) -> dict[Any, _Value]:
    """Every array that an operation of the tape takes or makes, in the order they appear.

    Those of tensors stand under (node, position), constants under their `identity`.
    """
    found: dict[Any, _Value] = {}
    for number, record in enumerate(tape):
        parents = dict(record.parents)
        for position, arg in enumerate(record.args):
            if not isinstance(arg, (np.ndarray, np.generic)):
                continue
            parent = parents.get(position)
            key: Any
            if parent is None:
                key, value = identity(arg), _Value(np.asarray(arg), None, None, None)
            else:
                node = parent.record or parent
                key = (node, parent.position)
                value = _Value(parent._array, node, parent.position, parent.name)
            value = found.setdefault(key, value)
            value.uses.append((number, position))
            if position == 1 and explained[record.op].story in TAKES_KERNEL:
                value.kernel = True
        for i, y in enumerate(record.outputs):
            place = i if isinstance(record.output, tuple) else None
            value = found[record, place] = _Value(y, record, place, None)
            value.made_by = number
            value.needs_grad = y.dtype.kind in "fc"
    for output in tape.outputs:
        found[output.record or output, output.position].name = output.name
    for value in found.values():
        value.images = value.data.ndim >= 4 and not value.kernel
    return found


def _write(runs: list[_Run], path: Any, title: str) -> Path:
    """The page, whole or not at all."""
    for run in runs[:-1]:
        if run.shape() != runs[-1].shape():
            raise ValueError(
                f"explain: with the snapshot of step {run.snapshot.step} the function does other "
                f"operations than at the end; a page needs the same ones throughout"
            )
    limit = LARGEST_ARRAY
    while limit > 64 and runs[-1].elements(limit) > LARGEST_FRAME:
        limit //= 2
    frames = [run.frame(limit) for run in runs]
    blobs = [frame.pop("blob") for frame in frames]
    run = runs[-1]
    numbers = {key: i for i, key in enumerate(run.found)}
    explanations = [*dict.fromkeys(run.explained.values())]
    (output,) = run.tape.outputs
    data = {
        "title": title,
        "result": numbers[output.record or output, output.position],
        "values": [
            {
                "name": value.name,
                "shape": value.data.shape,
                "dtype": str(value.data.dtype),
                "madeBy": value.made_by,
                "uses": value.uses,
                "needsGrad": value.needs_grad,
                "kernel": value.kernel,
            }
            for value in run.values
        ],
        "records": _records(run, numbers, {e: i for i, e in enumerate(explanations)}),
        "explanations": [explanation._asdict() for explanation in explanations],
        "frames": frames,
    }
    folder = Path(__file__).parent
    page = (folder / "page.html").read_text()
    parts = {
        "title": _escape(title),
        "style": (folder / "page.css").read_text(),
        "data": _script_json(data),
        "blobs": "\n".join(
            f'<script type="text/plain" id="blob{i}">{blob}</script>'
            for i, blob in enumerate(blobs)
        ),
        "script": "\n".join((folder / f"{name}.js").read_text() for name in SCRIPTS),
    }
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text, 1)
    path = Path(path)
    with replacing(str(path)) as file:
        # A lone surrogate has no UTF-8; backslash and digits are what JSON writes for it.
        file.write(page.encode(errors="backslashreplace"))
    return path


def _records(
    run: _Run, numbers: dict[Any, int], explanations: dict[Explanation, int]
) -> list[dict[str, Any]]:
    records = []
    for number, record in enumerate(run.tape):
        parents = dict(record.parents)
        inputs: list[dict[str, Any]] = []
        for position, arg in enumerate(record.args):
            parent = parents.get(position)
            if parent is not None:
                inputs.append({"value": numbers[parent.record or parent, parent.position]})
            elif isinstance(arg, (np.ndarray, np.generic)):
                inputs.append({"value": numbers[identity(arg)]})
            else:
                inputs.append({"text": f"{arg!r:.60}"})
        count = len(record.outputs)
        outputs = [
            numbers[record, i if isinstance(record.output, tuple) else None] for i in range(count)
        ]
        records.append(
            {
                "op": record.op.name,
                "explanation": explanations[run.explained[record.op]],
                "inputs": inputs,
                "names": _argument_names(record.op, len(inputs)),
                "outputs": outputs,
                "params": {name: _plain(value) for name, value in record.params.items()},
                "calls": run.calls.get(record, []),
                "index": number,
            }
        )
    return records


def _argument_names(op: Primitive, count: int) -> list[str]:
    """What the operation calls its arguments."""
    try:
        names = [p.name for p in inspect.signature(op.forward).parameters.values() if p.kind < 3]
    except (TypeError, ValueError):
        names = []
    if len(names) < count:
        names = ["x", "y", "z"][:count] if count <= 3 else [f"x{i}" for i in range(count)]
    return names[:count]


def _plain(value: Any) -> Any:
    """A parameter as JSON can say it."""
    if isinstance(value, (tuple, list)) and len(value) <= 16:
        return [_plain(part) for part in value]
    if isinstance(value, (bool, str)) or value is None:
        return value if not isinstance(value, str) else value[:60]
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return _number(value)
    return f"{value!r:.60}"


def _number(value: Any) -> Any:
    value = float(value)
    return value if math.isfinite(value) else str(value)


def _script_json(data: Any) -> str:
    """JSON that can stand within a script element whatever names and texts it holds."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _escape(text: str) -> str:
    import html

    return html.escape(text)

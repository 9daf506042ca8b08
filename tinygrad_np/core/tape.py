"""The tape, and the loop that walks it backwards.

Every differentiable operation leaves one `Record`: which operation, on which values, with which
result. A `Tape` is the records that led to some tensors, in the order they ran. Reverse mode is
then one loop (`walk_back`): go through the tape from the last record to the first; take the
cotangent of the record's output, that is, the gradient of the final scalar with respect to it; let
the operation's vector-Jacobian products turn it into contributions to the cotangents of the
record's inputs; add those up, since a value that was used twice gets a contribution from each use.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..constants import Guard, check_unchanged
from ..interrupts import contextmanager
from ..kernels.sums import sum_over
from . import display
from .tensor import Tensor, rules

if TYPE_CHECKING:
    from .primitive import Primitive

ndarray = np.ndarray
ticks = itertools.count()
"""Numbers records in the order they are made; shared by all threads."""


class Mode(NamedTuple):
    """What happens besides computing; each thread and each asynchronous task has its own."""

    recording: bool = True
    checking: bool = False


DEFAULT_MODE = Mode()
mode: ContextVar[Mode] = ContextVar("mode", default=DEFAULT_MODE)


_changes: ContextVar[tuple[dict[str, bool], ...]] = ContextVar("changes", default=())


def _change(changes: tuple[dict[str, bool], ...]) -> None:
    """Make these the changes in force, where the last one decides."""
    _changes.set(changes)
    changed = Mode(**functools.reduce(operator.or_, changes, {}))
    # The very object, so that an operation sees at a glance that nothing is out of the ordinary.
    mode.set(DEFAULT_MODE if changed == DEFAULT_MODE else changed)


@contextmanager
def _mode(**change: bool) -> Generator[None]:
    def leave() -> None:
        # Not to what was before: contexts in generators may end in any order, and in any thread.
        _change(tuple(other for other in _changes.get() if other is not change))

    try:
        _change((*_changes.get(), change))
        yield
    finally:
        try:
            leave()
        except BaseException:  # Ctrl-C in its midst
            leave()
            raise


def recording() -> AbstractContextManager[None]:
    """A context in which operations are recorded, also inside `no_grad`."""
    return _mode(recording=True) if _changes.get() else nullcontext()


def no_grad() -> AbstractContextManager[None]:
    """A context, for this thread only, in which operations are not recorded.

    Recording is as it was after the block, also where Ctrl-C ends it.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     (x * x).requires_grad
    False
    """
    return _mode(recording=False)


def detect_anomaly() -> AbstractContextManager[None]:
    """A context in which the first operation or VJP that makes a NaN or an infinity raises.

    Raises:
        FloatingPointError: naming the operation and the shapes it was given.

    >>> with detect_anomaly(), np.errstate(divide="ignore"):
    ...     np.log(Tensor([1.0, 0.0]))
    Traceback (most recent call last):
    FloatingPointError: log: the output holds inf or NaN (1 of 2 elements); inputs (2,)
    """
    return _mode(checking=True)


class Record:
    """One operation that ran.

    Attributes:
        index: its place in time; later records have greater indices.
        op: the `Primitive`.
        args: its positional arguments as plain arrays (and whatever else was passed).
        params: its keyword arguments.
        parents: (position in args, tensor) for each argument that needs a cotangent.
        output: the resulting array, or a tuple of them.
    """

    __slots__ = ("__weakref__", "args", "index", "op", "output", "params", "parents")
    if not TYPE_CHECKING:
        guards = ()

    def __init__(
        self,
        op: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
        parents: tuple[tuple[int, Tensor], ...],
        output: Any,
    ) -> None:
        self.index = next(ticks)
        self.op = op
        self.args: Any = args
        self.params = params
        self.parents = parents
        self.output = output

    @property
    def outputs(self) -> tuple[np.ndarray, ...]:
        """The output arrays: one, except for operations that return several."""
        return self.output if isinstance(self.output, tuple) else (self.output,)

    @property
    def released(self) -> bool:
        """Whether a backward pass has let go of the values."""
        return self.args is None

    def release(self) -> None:
        """Let go of the values, and of the records before this one."""
        self.args, self.parents, self.output = None, (), None

    def as_tensors(self) -> tuple[Any, list[Any]]:
        """Output and arguments as tensors that are still on the tape, for recorded VJPs."""
        args = list(self.args)
        for position, parent in self.parents:
            args[position] = parent
        if isinstance(self.output, tuple):
            return tuple(
                made_by(self, value, i) if value.dtype.kind in "fc" else value
                for i, value in enumerate(self.output)
            ), args
        return made_by(self, self.output), args

    def flops(self) -> int:
        """Floating-point operations of the forward computation, as its operation counts them."""
        return int(self.op.flops(self.output, *self.args, **self.params))

    def __repr__(self) -> str:
        if self.released:
            return f"<Record {self.index}: {self.op.name}, released>"
        shapes = " × ".join(str(np.shape(arg)) for arg in self.args if isinstance(arg, np.ndarray))
        results = ", ".join(str(output.shape) for output in self.outputs)
        return f"<Record {self.index}: {self.op.name} {shapes} -> {results}>"


class GuardedRecord(Record):
    """A record that read large arrays which the caller might change, see `constants`."""

    __slots__ = ("guards",)

    def release(self) -> None:
        super().release()
        self.guards = ()


def made_by(record: Record | None, data: np.ndarray, position: int | None = None) -> Tensor:
    """The tensor that holds `data`, output number `position` of `record`."""
    tensor = Tensor.__new__(Tensor)
    tensor._array = data
    tensor.requires_grad = record is not None
    tensor.record = record
    tensor.position = position
    tensor.grad = tensor.name = None
    return tensor


class Tape(Sequence[Record]):
    """The records that led to some tensors, in the order they ran.

    Printing it gives a table, and so does a notebook. `parameters` counts the elements of the
    leaves (tensors that no operation made) that enter at a record; `bytes` are those of its output.

    >>> x = Tensor([3.0, 4.0], requires_grad=True, name="x")
    >>> tape = np.sqrt(np.sum(x * x)).tape()
    >>> [record.op.name for record in tape]
    ['multiply', 'sum', 'sqrt']
    """

    def __init__(self, outputs: Sequence[Tensor], since: int = -1) -> None:
        """Collect what led to `outputs`, back to the record with index `since`, without it."""
        self.outputs = outputs
        found = {t.record for t in outputs if t.record is not None and t.record.index > since}
        self.records = list(found)
        for record in self.records:  # which grows meanwhile
            for _, parent in record.parents:
                source = parent.record
                if source is not None and source not in found and source.index > since:
                    found.add(source)
                    self.records.append(source)
        self.records.sort(key=attrgetter("index"))

    def explain(
        self, path: Any = "explain.html", *, cotangent: Any = None, title: str = "tape"
    ) -> Any:
        """Write the page that shows this tape, forward and backward; see `tinygrad_np.explain`."""
        from ..explorer.page import explain_tape

        return explain_tape(self, path, cotangent, title)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __repr__(self) -> str:
        return f"<Tape of {len(self)} records>"

    def __str__(self) -> str:
        return display.as_text(display.tape_rows(self), display.TAPE_NUMBERS)

    def _repr_html_(self) -> str:
        return display.as_html(display.tape_rows(self), display.TAPE_NUMBERS)

    def to_dot(self) -> str:
        """The tape as a graph in Graphviz's language, e.g. to write to a file for `dot -Tsvg`.

        Operations are ellipses, numbered as in the printed table; leaves are boxes with their name
        and shape; constants are dashed boxes. An edge carries a value, labelled with its shape, and
        a value that is used twice has two edges. Operations whose values a backward pass has let
        go of are dashed, and their inputs are no longer known.

        >>> x = Tensor([3.0, 4.0], requires_grad=True, name="x")
        >>> print((x * x).tape().to_dot())
        digraph tape {
        n0 [shape=ellipse, label="0  multiply"];
        n1 [shape=box, label="x\\n(2,)"];
        n2 [shape=plaintext, label="output"];
        n1 -> n0 [label="(2,)"];
        n1 -> n0 [label="(2,)"];
        n0 -> n2 [label="(2,)"];
        }
        """
        return display.as_dot(self)


def walk_back(
    tape: Tape,
    cotangents: dict[Any, Any],
    *,
    wanted: set[Any] | None = None,
    differentiable: bool = False,
    release: bool = False,
    kept: dict[Any, Any] | None = None,
    uses: dict[Any, Any] | None = None,
) -> dict[Any, Any]:
    """Walk the tape backwards: from the cotangents of its outputs to those of its leaves.

    Args:
        tape: what to walk.
        cotangents: node -> cotangent of the outputs; a node is a tensor's record, or the tensor
            itself where no operation made it. It is used up.
        wanted: the nodes worth reaching; None means all.
        differentiable: run the VJPs on tensors, so that they are recorded in their turn.
        release: let each record go of its values as soon as they have been used.
        kept: where to note every cotangent on the way, for whoever wants to look: under a record
            that of its output, under (record, position) what it sends to that argument.
        uses: which elements have a part in the outputs, see `pull_back`.

    Returns:
        node -> cotangent, for every node reached that the tape has no record of.
    """
    checking = mode.get().checking
    sums: set[Any] = set()
    for record in reversed(tape.records):
        g = cotangents.pop(record, None)
        if g is not None:
            if record.args is None:
                raise RuntimeError(
                    f"backward: the tape was let go by an earlier backward pass, at "
                    f"{record.op.name}; call backward(retain_tape=True) the first time"
                )
            output, args = record.as_tensors() if differentiable else (record.output, record.args)
            if type(g) is list:
                g = tuple(
                    # of no memory, which tells what was never used from what is used and 0
                    np.broadcast_to(np.zeros((), value.dtype), value.shape)
                    if part is None
                    else part
                    for part, value in zip(g, record.output, strict=True)
                )
            if kept is not None:
                kept[record] = g
            op, params = record.op, record.params
            vjps, joint_vjp, joint = op.vjps, op.joint_vjp, None
            for position, parent in record.parents:
                node = parent.record or parent
                if wanted is not None and node not in wanted:
                    continue
                if joint_vjp is None:
                    cotangent = vjps[position](g, output, *args, **params)
                else:
                    if joint is None:
                        joint = joint_vjp(g, output, *args, **params)
                    cotangent = joint[position]
                if type(cotangent) is not ndarray and not hasattr(cotangent, "dtype"):
                    if type(cotangent) is int and cotangent == 0:
                        continue
                    cotangent = _as_cotangent(cotangent, record, position)
                if uses is not None and op.elementwise and type(uses[record]) is not int:
                    cotangent = np.where(uses[record], cotangent, 0)
                data = parent._array
                if cotangent.dtype is not data.dtype or cotangent.shape != data.shape:
                    cotangent = _like_input(cotangent, data, record, position)
                if checking:
                    check_finite(f"VJP of {op.name}, argument {position}", cotangent, args)
                if kept is not None:
                    kept[record, position] = cotangent
                if parent.position is not None or node in cotangents:
                    accumulate(cotangents, parent, cotangent, sums)
                else:
                    cotangents[node] = cotangent
        if release:
            record.release()
    return cotangents


def pull_back(
    tape: Tape,
    cotangents: dict[Any, Any],
    *,
    differentiable: bool = False,
    release: bool = False,
    guards: Sequence[Guard] = (),
    **options: Any,
) -> dict[Any, Any]:
    """`walk_back`, with the derivative 0 for what a choice leaves out.

    Its cotangent is 0. What an elementwise operation makes of that is 0 too, also where its own
    derivative is infinite or NaN, though 0 · ∞ would be NaN. Who is used is only looked up where
    that shows, or might in a further derivative.
    """
    check_unchanged(tape.records, guards)
    if not _leaves_out(tape):
        return walk_back(
            tape, cotangents, differentiable=differentiable, release=release, **options
        )

    def walk(**more: Any) -> dict[Any, Any]:
        seeds = {node: g[:] if type(g) is list else g for node, g in cotangents.items()}
        return walk_back(tape, seeds, **options, **more)

    # A walk is quiet where its result is finite: what a choice leaves out warns of nothing real.
    found: dict[Any, Any] = {}
    with np.errstate(all="ignore"):
        simple = not (differentiable or mode.get().checking)
        if not (simple and _finite(found := walk())):
            masks = {"differentiable": differentiable, "uses": _uses(tape, cotangents)}
            found, simple = walk(**masks), False
    if not simple and not _finite(found):
        found = walk(**masks)
    for record in tape.records if release else ():
        record.release()
    return found


def _finite(found: dict[Any, Any]) -> bool:
    parts = (part for g in found.values() for part in (g if type(g) is list else [g]))
    return all(part is None or np.isfinite(part).all() for part in parts)


def _leaves_out(tape: Tape) -> bool:
    """Whether an operation left out elements that another one on the tape computed."""
    for record in tape.records:
        if record.op.chooses or "where" in record.params:
            for _, parent in record.parents:
                if parent.record is not None and parent.record.index >= tape.records[0].index:
                    return True
    return False


def _uses(tape: Tape, cotangents: dict[Any, Any]) -> dict[Any, Any]:
    """node -> which of its elements the outputs are made of: an array of truth values, 1 for all.

    This is the walk back with these in place of the cotangents; where uses add up, that is "or".
    """
    uses: dict[Any, Any] = {
        node: [part if part is None else 1 for part in g] if type(g) is list else 1
        for node, g in cotangents.items()
    }
    for record in reversed(tape.records):
        use, op = uses.get(record), record.op
        if use is None or record.released:
            continue
        if type(use) is list:
            use = tuple(
                np.full(value.shape, bool(part)) if part is None or type(part) is int else part
                for part, value in zip(use, record.output, strict=True)
            )
            uses[record] = use = np.any(use, axis=0) if op.elementwise else use
        elif type(use) is int or use.all():
            uses[record] = use = 1
        for position, parent in record.parents:
            part = use if op.elementwise else 1
            if op.uses is not None:
                every = np.ones(record.output.shape, bool) if type(use) is int else use
                part = op.uses(position, every, record.output, *record.args, **record.params)
            if type(part) is not int:
                part = _like_input(part, np.empty(parent.shape, bool), record, position)
            elif part == 0:
                continue
            accumulate(uses, parent, part)
    return uses


def accumulate(
    cotangents: dict[Any, Any], tensor: Tensor, cotangent: Any, sums: set[Any] | None = None
) -> None:
    """Add one contribution to the cotangent of a tensor: where a value fans out, uses add up.

    `sums` holds the nodes whose cotangents are sums already. No one else has seen such an array,
    so the next contribution is added in place.
    """
    node = tensor.record or tensor
    if tensor.position is not None:
        parts = cotangents.setdefault(node, [None] * len(tensor.record.output))  # type: ignore
        known = parts[tensor.position]
        parts[tensor.position] = cotangent if known is None else known + cotangent
    elif (known := cotangents.get(node)) is None:
        cotangents[node] = cotangent
    elif sums is not None and node in sums and type(known) is type(cotangent) is ndarray:
        known += cotangent
    else:
        cotangents[node] = known + cotangent
        if sums is not None:
            sums.add(node)


def _as_cotangent(value: Any, record: Record, position: int) -> np.ndarray:
    """What a VJP returned that is neither array nor tensor: a number is an array of no axes."""
    if value is None:
        raise TypeError(
            f"{record.op.name}: the VJP for argument {position} returned None; return the "
            f"cotangent, or 0 where the argument has no part in the output"
        )
    return np.asarray(value)


def _like_input(cotangent: Any, data: np.ndarray, record: Record, position: int) -> Any:
    """The cotangent in its input's shape and dtype: broadcasting and promotion undone.

    Broadcasting repeats an input along some axes, so its VJP sums over them. Promotion embeds
    the reals in the complex numbers, so its VJP takes the real part.
    """
    extra = cotangent.ndim - data.ndim
    if cotangent.shape != data.shape:
        axes = tuple(range(extra)) + tuple(
            axis + extra
            for axis, n in enumerate(data.shape)
            if n == 1 and extra >= 0 and cotangent.shape[axis + extra] != 1
        )
        shape = cotangent.shape
        lengths = {n for value in (*record.outputs, *record.args) for n in np.shape(value)}
        if axes and lengths.issuperset(shape[axis] for axis in axes):
            summed = rules[sum_over] if type(cotangent) is Tensor else sum_over
            cotangent = summed(cotangent, axes=axes)
            cotangent = np.reshape(cotangent, cotangent.shape[extra:])
        if cotangent.shape != data.shape:
            raise ValueError(
                f"{record.op.name}: the VJP for argument {position} returned shape {shape}, "
                f"the argument has shape {data.shape}"
            )
    if cotangent.dtype != data.dtype:
        if cotangent.dtype.kind == "c" and data.dtype.kind != "c":
            cotangent = np.real(cotangent)
        cotangent = cotangent.astype(data.dtype)
    return cotangent


def own(gradient: Any, owned: dict[int, np.ndarray]) -> np.ndarray:
    """The gradient in memory of its own, to be written to: a copy where others hold the same.

    A VJP may return the very cotangent that it was given, or a view of it, to several inputs.
    `owned` holds the arrays that memory has been given away with, by identity.
    """
    gradient = owner = np.asarray(gradient)
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if id(owner) in owned or not gradient.flags.writeable:
        gradient = owner = gradient.copy()
    owned[id(owner)] = owner
    return gradient


def check_finite(what: str, output: Any, inputs: Sequence[Any]) -> None:
    """Raise FloatingPointError if an array holds NaN or an infinity."""
    for part in output if isinstance(output, tuple) else (output,):
        value = getattr(part, "data", part) if isinstance(part, Tensor) else np.asarray(part)
        if value.dtype.kind in "fc" and not np.isfinite(value).all():
            bad = value.size - np.count_nonzero(np.isfinite(value))
            shapes = ", ".join(str(np.shape(x)) for x in inputs if hasattr(x, "shape"))
            raise FloatingPointError(
                f"{what}: the output holds inf or NaN ({bad} of {value.size} elements); "
                f"inputs {shapes}"
            )


def starting_cotangent(name: str, tensor: Tensor, cotangent: Any) -> np.ndarray:
    """The cotangent that a backward pass starts with: the one given, or 1 for a scalar."""
    if cotangent is None:
        if tensor.size != 1:
            raise ValueError(
                f"{name}: a {tensor.described()} is not a scalar; pass the cotangent, of the "
                f"same shape"
            )
        cotangent = np.ones_like(tensor._array)
    elif isinstance(cotangent, Tensor):
        cotangent = cotangent._array
    return np.asarray(fitting_cotangent(name, tensor, cotangent), tensor.dtype)


def fitting_cotangent(name: str, output: Any, cotangent: Any) -> Any:
    """The cotangent, if it has the shape of the output and no imaginary part that would be lost."""
    if np.shape(cotangent) != np.shape(output):
        raise ValueError(
            f"{name}: the cotangent has shape {np.shape(cotangent)}, the output {np.shape(output)}"
        )
    given, wanted = (
        x.dtype if hasattr(x, "dtype") else np.result_type(x) for x in (cotangent, output)
    )
    if given.kind not in "biuf" and wanted.kind != "c":
        raise TypeError(f"{name}: the cotangent is {given}, but the output is real, {wanted}")
    return cotangent


def backward(tensor: Tensor, cotangent: Any, retain_tape: bool) -> None:
    """What `Tensor.backward` does."""
    if not tensor.requires_grad:
        raise RuntimeError(
            f"backward: nothing was recorded for this {tensor.described()}; make it from a "
            f"Tensor(..., requires_grad=True), outside no_grad()"
        )
    cotangent = starting_cotangent("backward", tensor, cotangent)
    cotangents: dict[Any, Any] = {}
    accumulate(cotangents, tensor, cotangent)
    owned = {id(cotangent): cotangent}
    for leaf, gradient in pull_back(Tape([tensor]), cotangents, release=not retain_tape).items():
        leaf.grad = own(gradient, owned) if leaf.grad is None else leaf.grad + gradient

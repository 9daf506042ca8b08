"""Second derivatives at points where the first takes 0 by convention, such as that of a norm at 0.

There the VJP of y = f(x) is 0, whatever g is. If g = h'(y) is 0 itself, as for the square of a
norm, that is right, and the VJP's own derivative is h''(0) times something. The number 0 does not
tell h''(0), but h''(y) = ∂g/∂y is on the tape, since the walk that calls the VJP computed g from y.
So a recorded VJP goes through `at_kinks`, which looks it up when a further walk comes by.

What has no second derivative there, or none that can be found, is NaN, and a RuntimeWarning names
the function and the element.
"""

from __future__ import annotations

import functools
import operator
import warnings
from contextlib import nullcontext

import numpy as np

from ..core import tree
from ..core.primitive import plain, primitive
from ..core.tape import Record, Tape, accumulate, no_grad, pull_back
from ..core.tensor import Tensor


def over(x, y):
    """x / y, and a constant 0 where y is 0."""
    zero = np.equal(plain(y), 0)
    return np.where(zero, 0, x) / np.where(zero, 1, y)


def at_kinks(
    gradient, g, y, *xs, warning, bend=None, corner=False, spread=np.asarray, group=np.asarray
):
    """The VJP `gradient` of y = f(x, …), to be differentiated also where y is 0.

    Args:
        gradient: what the VJP gives, with a constant 0 at the kinks.
        g, y, xs: the cotangent, the output, and the arguments; first that of the gradient.
        warning: as in `undefined`.
        bend: bend(c, v) is the gradient's VJP where g = 0 and ∂g/∂y = c, for its cotangent v.
            Without it there is none unless c is 0.
        corner: whether a g that is not 0 leaves the gradient's derivative as it is, as for |x|.
        spread: gives a value for each element of the output the shape of x.
        group: what is true of an element becomes true of all with the same element of the output.
    """
    if type(y) is not Tensor:
        return gradient
    kinks = np.equal(plain(y), 0)
    if not kinks.any() or (corner and not reaches(g, y)):
        return gradient

    once = functools.cache(lambda: _slopes(g, y, kinks, recorded=False))

    def second(i, v):
        slope, known = _slopes(g, y, kinks, recorded=True) if type(v) is Tensor else once()
        nowhere = kinks & ~(known if corner else known & np.equal(plain(g), 0))
        if bend is None:
            nowhere, bent = nowhere | (kinks & np.not_equal(plain(slope), 0)), 0
        else:
            bent = 0 if i else bend(np.where(kinks & known, slope, 0), v)
        return bent + undefined(v, where=spread(nowhere), group=group, warning=warning)

    further = functools.partial(
        undefined, where=spread(kinks), group=group, warning=warning, always=True
    )
    return marked(gradient, *xs, second=second, further=lambda i, v: further(v))


def jumps(gradient, y, *xs, where, warning):
    """The VJP `gradient` of y = f(x, …), which has no derivative where where() says so."""
    if type(y) is not Tensor or not (places := where()).any():
        return gradient
    rule = functools.partial(undefined, where=places, warning=warning)
    return marked(
        gradient,
        *xs,
        second=lambda i, v: rule(v),
        further=lambda i, v: rule(v, always=True),
    )


def may_vary(g):
    """Where a cotangent is not 0, or is not bound to stay 0."""
    return np.asarray(_recorded(g) | np.not_equal(plain(g), 0))


@primitive
def marked(value, *xs, second, further):
    """The value. Its VJP for x number i is second(i, v), whatever the value shows.

    That for the value is v, which in its turn depends on each x by further(i, v).
    """
    return value


def _marked_vjp(i, v, output, value, *xs, second, further):
    return second(i - 1, v) if i else marked(v, *xs, second=further, further=further)


marked.defvjp_each(_marked_vjp)
marked.uses = lambda i, use, *args, **params: 1 if i else use


@primitive
def undefined(v, *, where, warning, group=np.asarray, always=False):
    """NaN and a warning where v would get a factor that does not exist, unless v is 0; else 0.

    The warning is a sentence's beginning, or a function that makes it of the element's index.
    """
    hit = where & group(always | np.not_equal(v, 0))
    if hit.any():
        index = [int(i) for i in np.argwhere(hit)[0]]
        place = f"{warning} (element {index})" if index else warning
        warn(f"{warning(*index) if callable(warning) else place}: it is NaN")
    return np.where(hit, np.nan, 0).astype(v.dtype)


def warn(text):
    """Warn as NumPy does of an invalid value: `np.errstate(invalid=…)` says whether and how."""
    how = np.geterr()["invalid"]
    if how == "raise":
        raise FloatingPointError(text)
    if how != "ignore":
        warnings.warn(text, RuntimeWarning, stacklevel=1)


undefined.defvjp(lambda g, output, v, **params: undefined(g, **params))


def _recorded(g):
    return type(g) is Tensor and g.requires_grad


def _tape(g, y):
    """What computed g from y, and from what is older."""
    return Tape([g] if type(g) is Tensor else [], y.record.index)


def reaches(g, y):
    """Whether g was computed from y, or from what is older, by operations that were recorded."""
    tape = _tape(g, y)
    records = set(tape)
    sources = [parent.record for record in tape for _, parent in record.parents]
    return _recorded(g) and any(source not in records for source in (g.record, *sources))


def _slopes(g, y, kinks, recorded):
    """For each kink ∂g/∂y, and whether that says how a g that is 0 there varies.

    It does unless g varies with something else, or with y at other kinks: the walk from g to y adds
    up what comes from all kinks, and gives other sums for other weights if there is such a part.
    """
    if not _recorded(g):
        return np.zeros_like(plain(g)), True
    slope, other = walk_from(g, y, np.where(kinks, 1, 0), recorded)
    known = np.isfinite(plain(slope))
    if other:
        known &= np.not_equal(plain(g), 0)
    if np.count_nonzero(kinks) > 1:
        weights = np.linspace(1, 2, g.size).reshape(g.shape)
        weighted, _ = walk_from(g, y, np.where(kinks, weights, 0), recorded=False)
        rounding = np.sqrt(np.finfo(g.dtype).eps)
        known &= np.isclose(weighted / weights, plain(slope), rtol=rounding, atol=0)
    return slope, known


def walk_from(g, y, weights, recorded):
    """Σ weights · ∂g/∂y over the elements of g; and whether another thing that g varies with has
    such a sum, too. A y that was computed several times, as in abs(x) * abs(x), is one thing.
    """
    if not _recorded(g):
        return np.zeros_like(plain(y)), False
    cotangents: dict = {}
    accumulate(cotangents, g, weights.astype(g.dtype))
    tape = _tape(g, y)
    tape.records = [record for record in tape if not _same(record, y.record)]
    with nullcontext() if recorded else no_grad(), np.errstate(all="ignore"):
        found = pull_back(tape, cotangents, differentiable=True)
        slope = np.zeros_like(plain(y))
        for record in [node for node in found if isinstance(node, Record)]:
            if _same(record, y.record):
                part = found.pop(record)
                if type(part) is list:  # those of several outputs
                    found[record], part = part, part.pop(y.position)
                slope = slope if part is None else slope + part
    others = any(np.any(plain(part) != 0) for part in tree.leaves([*found.values()]))
    return slope if recorded else plain(slope), others


def _same(record, other):
    """Whether two records are of one computation: the same operation on the same things."""
    if record is other or record.op is not other.op or record.released:
        return record is other
    things = [
        (*each.args, *(parent.record or parent for _, parent in each.parents))
        for each in (record, other)
    ]
    return (
        len(things[0]) == len(things[1])
        and all(map(operator.is_, *things))
        and record.params.keys() == other.params.keys()
        and all(_alike(value, other.params[name]) for name, value in record.params.items())
    )


def _alike(value, other):
    return value is other or (type(value) in (int, float, str, tuple) and value == other)


def varies(g, y, where=True):
    """Whether elements of g vary at all, be it with y or with what is newer or older."""
    if not _recorded(g):
        return False
    weights = np.where(where, np.linspace(1, 2, g.size).reshape(g.shape), 0).astype(g.dtype)
    cotangents: dict = {}
    accumulate(cotangents, g, weights)
    tape = _tape(g, y)
    kept: dict = {}
    with no_grad(), np.errstate(all="ignore"):
        found = pull_back(tape, cotangents, differentiable=True, kept=kept)
    ends = [*found.values(), *(kept.get(record) for record in tape if not record.parents)]
    return any(np.any(plain(part) != 0) for part in tree.leaves(ends))
